import type { ClientBase } from 'pg';
import { roleGrants } from './grants.ts';
import { insufficientPrivilege } from './permission-error.ts';

/** Roles belong to the whole server: the migration of another database may have made one a moment ago. */
const exists = ['42710', '23505'];

/**
 * Creates the roles that are absent. Outside a transaction.
 * @returns the statements an administrator must run, when this user may not create roles.
 */
export async function createRoles(client: ClientBase): Promise<string[]> {
  const names = Object.keys(roleGrants);
  const { rows } = await client.query<{ name: string }>(
    `select name from unnest($1::text[]) with ordinality w(name, place)
      where not exists (select from pg_roles where rolname = name) order by place`,
    [names],
  );
  const missing: string[] = [];
  for (const { name } of rows) {
    const statement = `create role ${name} nologin`;
    try {
      await client.query(statement);
    } catch (error) {
      const { code = '' } = error as { code?: string };
      if (code === insufficientPrivilege) missing.push(`${statement};`);
      else if (!exists.includes(code)) throw error;
    }
  }
  return missing;
}
