import type { ClientBase } from 'pg';
import { roleGrants } from './grants.ts';

const insufficientPrivilege = '42501';
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

/**
 * Takes every function from PUBLIC and gives the roles that exist what `roleGrants` says. Touches only what differs:
 * a grant that is repeated still rewrites the catalog and makes every session plan anew.
 */
export async function applyGrants(client: ClientBase): Promise<void> {
  for (const query of [openToPublic, missingGrants]) {
    const { rows } = await client.query<{ statement: string }>(query, query === missingGrants ? [grantList()] : []);
    for (const { statement } of rows) await client.query(statement);
  }
}

const openToPublic = `
  select format('revoke all on routine %s from public', p.oid::regprocedure) as statement
    from pg_proc p
   where p.pronamespace = 'taskledger'::regnamespace
     and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0)
   order by 1`;

const missingGrants = `
  with wanted as (
    select w.* from json_to_recordset($1::json) as w(role name, kind text, object text, columns text[])
     where exists (select from pg_roles r where r.rolname = w.role)
  )
  select format('grant usage on schema taskledger to %I', role) as statement
    from wanted where kind = 'schema' and not has_schema_privilege(role, 'taskledger', 'usage')
  union all
  select format('grant execute on routine %s to %I', p.oid::regprocedure, role)
    from wanted join pg_proc p on p.pronamespace = 'taskledger'::regnamespace and p.proname = object
   where kind = 'function' and not has_function_privilege(role, p.oid, 'execute')
  union all
  select format('grant select on taskledger.%I to %I', object, role)
    from wanted
   where kind = 'table' and columns is null
     and not has_table_privilege(role, format('taskledger.%I', object), 'select')
  union all
  select format('grant select (%s) on taskledger.%I to %I', string_agg(quote_ident(c), ', '), object, role)
    from wanted, unnest(columns) c
   where kind = 'table' and not has_column_privilege(role, format('taskledger.%I', object), c, 'select')
   group by object, role
   order by 1`;

function grantList(): string {
  const wanted = Object.entries(roleGrants).flatMap(([role, { execute, select }]) => [
    { role, kind: 'schema' },
    ...execute.map((object) => ({ role, kind: 'function', object })),
    ...Object.entries(select).map(([object, columns]) => ({
      role,
      kind: 'table',
      object,
      ...(columns === '*' ? {} : { columns }),
    })),
  ]);
  return JSON.stringify(wanted);
}
