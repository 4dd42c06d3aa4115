import type pg from 'pg';
import { roleGrants, type RoleGrants } from '../../src/postgres/grants.ts';

const held = `
  with ours as (select oid, rolname from pg_roles where rolname = any ($1) union all select 0, 'PUBLIC'),
  things as (
    select 'schema' as kind, nspname::text as name, coalesce(nspacl, acldefault('n', nspowner)) as acl
      from pg_namespace where nspname = 'taskledger'
    union all
    select 'routine', proname, coalesce(proacl, acldefault('f', proowner)) from pg_proc
     where pronamespace = 'taskledger'::regnamespace
    union all
    select 'table', relname, relacl from pg_class where relnamespace = 'taskledger'::regnamespace
    union all
    select 'table', relname || '.' || attname, attacl from pg_attribute a join pg_class c on c.oid = a.attrelid
     where relnamespace = 'taskledger'::regnamespace)
  select distinct concat_ws(' ', rolname, lower(privilege_type), name, case when is_grantable then 'with grant option' end) as held
    from things, aclexplode(acl) a join ours on ours.oid = a.grantee order by 1`;

/** What `heldRights` answers when the database is as grants.ts says. */
export const listedRights = Object.entries<RoleGrants>(roleGrants)
  .flatMap(([role, { execute, select }]) => [
    `${role} usage taskledger`,
    ...execute.map((name) => `${role} execute ${name}`),
    ...Object.entries(select).flatMap(([table, columns]) =>
      columns === '*' ? [`${role} select ${table}`] : columns.map((column) => `${role} select ${table}.${column}`),
    ),
  ])
  .sort();

/** The rights of our roles and of PUBLIC on the schema and all it holds, as the catalog has them. */
export async function heldRights(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ held: string }>(held, [Object.keys(roleGrants)]);
  return rows.map((row) => row.held).sort();
}
