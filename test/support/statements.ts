import type pg from 'pg';
import { roleGrants, type RoleGrants } from '../../src/postgres/grants.ts';
import type { LedgerRole } from './logins.ts';

/** A statement a user of some role may try. */
export interface Attempt {
  readonly sql: string;
  /** What `rightsOf` calls the right to do it; absent: nobody but the owner has it. */
  readonly right?: string;
  /** SQLSTATEs of a refusal; default: insufficient privilege. */
  readonly refusedWith?: readonly string[];
}

interface Relation {
  readonly name: string;
  readonly kind: 'table' | 'view';
  readonly columns: string[];
}

interface Routine {
  readonly name: string;
  readonly form: string;
  readonly call: string;
}

/** The rights of a role as the list in grants.ts gives them, in the words of `everyStatement`. */
export function rightsOf(role: LedgerRole): string[] {
  const { execute, select }: RoleGrants = roleGrants[role];
  const reads = Object.entries(select).flatMap(([table, columns]) =>
    columns === '*' ? [`select ${table}`] : columns.map((column) => `select ${table}.${column}`),
  );
  return [...execute.map((name) => `execute ${name}`), ...reads].sort();
}

/** Every statement that touches the schema or anything in it, made from the catalog: what is added later is in it. */
export async function everyStatement(admin: pg.Client, mine: string): Promise<Attempt[]> {
  const relations = await relationsOf(admin);
  const { rows: sequences } = await admin.query<{ name: string }>(
    "select relname as name from pg_class where relnamespace = 'taskledger'::regnamespace and relkind = 'S'",
  );
  const { rows: owners } = await admin.query<{ owner: string }>(
    "select quote_ident(pg_get_userbyid(nspowner)) as owner from pg_namespace where nspname = 'taskledger'",
  );
  return [
    ...relations.flatMap((relation) => onRelation(relation, mine)),
    ...sequences.flatMap(({ name }) => onSequence(name)),
    ...(await routinesOf(admin)).flatMap((routine) => onRoutine(routine, mine)),
    ...onSchema(mine),
    ...owners.flatMap(({ owner }) => asSomebodyElse(owner)),
  ];
}

async function relationsOf(admin: pg.Client): Promise<Relation[]> {
  const { rows } = await admin.query<Relation>(
    `select c.relname as name, case when c.relkind in ('r', 'p') then 'table' else 'view' end as kind,
            array(select a.attname::text from pg_attribute a
                   where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as columns
       from pg_class c where c.relnamespace = 'taskledger'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
      order by 1`,
  );
  return rows;
}

async function routinesOf(admin: pg.Client): Promise<Routine[]> {
  const { rows } = await admin.query<Routine>(
    `select p.proname as name, p.oid::regprocedure::text as form,
            format('taskledger.%I(%s)', p.proname, (
              select string_agg('null::' || format_type(t, null), ', ' order by place)
                from unnest(p.proargtypes) with ordinality a(t, place))) as call
       from pg_proc p where p.pronamespace = 'taskledger'::regnamespace order by 2`,
  );
  return rows;
}

const lockModes = ['access share', 'row share', 'row exclusive', 'share', 'exclusive', 'access exclusive'];

/** EXPLAIN checks the rights of a statement and does nothing of it. */
function onRelation({ name, kind, columns }: Relation, mine: string): Attempt[] {
  const table = `taskledger."${name}"`;
  // A view that cannot be written at all says so first, and so does a column that is always generated.
  const refusedWith = kind === 'view' ? ['42501', '55000'] : ['42501', '428C9'];
  return [
    { sql: `explain select * from ${table}`, right: `select ${name}` },
    { sql: `copy (select * from ${table}) to stdout`, right: `select ${name}` },
    { sql: `lock table ${table} in access share mode`, right: `select ${name}` },
    ...lockModes.slice(1).map((mode) => ({ sql: `lock table ${table} in ${mode} mode` })),
    ...columns.flatMap((column) => [
      { sql: `explain select "${column}" from ${table}`, right: `select ${name}.${column}` },
      { sql: `explain insert into ${table} ("${column}") values (null)`, refusedWith },
      { sql: `explain update ${table} set "${column}" = null`, refusedWith },
    ]),
    { sql: `explain insert into ${table} default values`, refusedWith },
    { sql: `explain delete from ${table}`, refusedWith },
    { sql: `select from ${table} for update`, refusedWith },
    { sql: `create rule r as on insert to ${table} do instead nothing` },
    { sql: `alter ${kind} ${table} rename to other` },
    { sql: `alter ${kind} ${table} owner to ${mine}` },
    { sql: `alter ${kind} ${table} set schema ${mine}` },
    { sql: `drop ${kind} ${table} cascade` },
    { sql: `comment on ${kind} ${table} is 'mine'` },
    ...(kind === 'table' ? onTable(table, columns[0] ?? '', mine) : []),
  ];
}

function onTable(table: string, column: string, mine: string): Attempt[] {
  return [
    `truncate ${table} cascade`,
    `copy ${table} from stdin`,
    `create table ${mine}.child (x int references ${table})`,
    `create table ${mine}.child () inherits (${table})`,
    `create trigger t after insert on ${table} for each row execute function suppress_redundant_updates_trigger()`,
    `create policy p on ${table} using (false)`,
    `create index i on ${table} ("${column}")`,
    `create statistics s on "${column}", ("${column}" is null) from ${table}`,
    `alter table ${table} disable trigger all`,
    `alter table ${table} disable trigger user`,
    `alter table ${table} enable replica trigger refuse_change`,
    `alter table ${table} enable row level security`,
    `alter table ${table} add column mine int`,
    `alter table ${table} alter column "${column}" drop not null`,
    `alter table ${table} set (autovacuum_enabled = off)`,
    `alter table ${table} replica identity nothing`,
    `reindex table ${table}`,
    `cluster ${table}`,
    // Before anybody's rights are asked for: inheriting from a partition, referring to an unlogged table.
  ].map((sql) => ({ sql, refusedWith: sql.startsWith('create table') ? ['42501', '42809', '42P16'] : ['42501'] }));
}

function onSequence(name: string): Attempt[] {
  const sequence = `taskledger."${name}"`;
  return [
    `select nextval('${sequence}')`,
    `select currval('${sequence}')`,
    `select setval('${sequence}', 1)`,
    `select last_value from ${sequence}`,
    `alter sequence ${sequence} restart`,
    `drop sequence ${sequence}`,
  ].map((sql) => ({ sql }));
}

function onRoutine({ name, form, call }: Routine, mine: string): Attempt[] {
  return [
    { sql: `explain select ${call}`, right: `execute ${name}` },
    { sql: `alter function ${form} security invoker` },
    { sql: `alter function ${form} set search_path = ${mine}, taskledger` },
    { sql: `alter function ${form} owner to ${mine}` },
    { sql: `drop function ${form} cascade` },
  ];
}

function onSchema(mine: string): Attempt[] {
  return [
    'create table taskledger.mine ()',
    'create view taskledger.mine as select 1 as x',
    'create sequence taskledger.mine',
    'create type taskledger.mine as (x int)',
    'create function taskledger.mine() returns int language sql return 1',
    'create function taskledger.submit(name varchar, input json, options json) returns int language sql return 1',
    'create operator taskledger.|| (leftarg = text, rightarg = uuid, function = textanycat)',
    `alter schema taskledger rename to mine`,
    `alter schema taskledger owner to ${mine}`,
    'drop schema taskledger cascade',
    'create publication p for tables in schema taskledger',
    'create publication p for table taskledger.events',
    'create event trigger t on ddl_command_start execute function suppress_redundant_updates_trigger()',
  ].map((sql) => ({ sql, refusedWith: sql.includes('event trigger') ? ['42501', '42P17'] : ['42501'] }));
}

function asSomebodyElse(owner: string): Attempt[] {
  return [
    `set role ${owner}`,
    `set session authorization ${owner}`,
    'set session_replication_role = replica',
    "set local session_preload_libraries = 'x'",
    `alter role ${owner} password 'mine'`,
    `alter default privileges for role ${owner} grant all on tables to public`,
    'alter system set fsync = off',
    'create role another',
    'create extension dblink',
    "select pg_read_file('PG_VERSION')",
    "copy (select 1) to program 'true'",
  ].map((sql) => ({ sql, refusedWith: ['42501', '55P02', '0A000'] }));
}
