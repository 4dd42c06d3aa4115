import type { ClientBase } from 'pg';
import { roleGrants, type RoleGrants } from './grants.ts';

/**
 * Makes the rights of PUBLIC and of our roles on the schema and all it holds equal to `roleGrants`: gives what is missing
 * and takes what somebody added. Roles that are not ours keep what an administrator gave them. Touches only what differs:
 * a grant that is repeated still rewrites the catalog and makes every session plan anew. Inside a transaction.
 */
export async function applyGrants(client: ClientBase): Promise<void> {
  for (const query of [surplusGrants, missingGrants]) {
    const { rows } = await client.query<{ statement: string }>(query, [JSON.stringify(wantedGrants())]);
    for (const { statement } of rows) await client.query(statement);
  }
}

interface WantedGrant {
  readonly role: string;
  readonly privilege: 'USAGE' | 'EXECUTE' | 'SELECT';
  readonly kind: 'schema' | 'routine' | 'table';
  readonly object: string;
  /** Absent: the whole table. */
  readonly part?: string;
}

function wantedGrants(): WantedGrant[] {
  return Object.entries<RoleGrants>(roleGrants).flatMap(([role, { execute, select }]): WantedGrant[] => [
    { role, privilege: 'USAGE', kind: 'schema', object: 'taskledger' },
    ...execute.map((object) => ({ role, privilege: 'EXECUTE', kind: 'routine', object }) as const),
    ...Object.entries(select).flatMap(([object, columns]): WantedGrant[] => {
      const table = { role, privilege: 'SELECT', kind: 'table', object } as const;
      return columns === '*' ? [table] : columns.map((part) => ({ ...table, part }));
    }),
  ]);
}

/**
 * Everything in the schema that can be granted, with its rights as stored (`acl`, null where the default still holds) and
 * how GRANT calls it (`target`).
 */
const grantable = `
  grantable as (
    select 'schema' as kind, nspname as object, null::name as part, 'schema taskledger' as target,
           coalesce(nspacl, acldefault('n', nspowner)) as acl, nspowner as owner
      from pg_namespace where nspname = 'taskledger'
    union all
    select 'routine', proname, null, format('routine %s', oid::regprocedure),
           coalesce(proacl, acldefault('f', proowner)), proowner
      from pg_proc where pronamespace = 'taskledger'::regnamespace
    union all
    select case relkind when 'S' then 'sequence' else 'table' end, relname, null,
           format('%s taskledger.%I', case relkind when 'S' then 'sequence' else 'table' end, relname), relacl, relowner
      from pg_class where relnamespace = 'taskledger'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'table', c.relname, a.attname, format('table taskledger.%I', c.relname), a.attacl, c.relowner
      from pg_class c join pg_attribute a on a.attrelid = c.oid and not a.attisdropped
     where c.relnamespace = 'taskledger'::regnamespace and (a.attnum > 0 or a.attacl is not null)
    union all
    -- Of the types of tables nobody can take or give anything.
    select 'type', t.typname, null, format('type taskledger.%I', t.typname), coalesce(t.typacl, acldefault('T', t.typowner)), t.typowner
      from pg_type t left join pg_class c on c.oid = t.typrelid
     where t.typnamespace = 'taskledger'::regnamespace and t.typelem = 0 and (c.oid is null or c.relkind = 'c')
  )`;

const wanted = `
  wanted as (
    select w.* from json_to_recordset($1::json) as w(role name, privilege text, kind text, object name, part name)
     where exists (select from pg_roles r where r.rolname = w.role)
  )`;

/** With CASCADE: what a role passed on goes with its right to pass on. */
const surplusGrants = `
  with ${grantable}, ${wanted}
  select format('revoke %s%s%s on %s from %s cascade', case when w.role is null then '' else 'grant option for ' end,
                a.privilege_type, ' (' || quote_ident(g.part) || ')', g.target,
                coalesce(quote_ident(r.rolname), 'public')) as statement
    from grantable g
   cross join lateral aclexplode(g.acl) a
    left join pg_roles r on r.oid = a.grantee
    left join wanted w on w.role = r.rolname and w.privilege = a.privilege_type and w.kind = g.kind and w.object = g.object
                      and w.part is not distinct from g.part
   where a.grantee <> g.owner
     and (a.grantee = 0 or r.rolname in (select x.role from wanted x))
     and (w.role is null or a.is_grantable)
   order by 1`;

const missingGrants = `
  with ${grantable}, ${wanted}
  select format('grant %s%s on %s to %I', w.privilege, ' (' || quote_ident(g.part) || ')', g.target, w.role) as statement
    from wanted w
    join grantable g on g.kind = w.kind and g.object = w.object and g.part is not distinct from w.part
   where not exists (select from aclexplode(g.acl) a join pg_roles r on r.oid = a.grantee
                      where r.rolname = w.role and a.privilege_type = w.privilege)
   order by 1`;
