/**
 * What an attacker plants in schemas of its own, in the hope that a function of the ledger, running with its owner's rights,
 * takes it for what it wanted. Everything planted ends in `caught()`, which raises when it runs as anybody but the attacker.
 */

/** Tables like ours, types like Postgres's own, by their bare names; in the session's temporary schema. */
export const shadowTables = `
  do $$
  declare v record;
  begin
    for v in select relname, array(select format('%I %s', attname, format_type(atttypid, atttypmod)) from pg_attribute a
                                    where a.attrelid = c.oid and attnum > 0 and not attisdropped) as columns
               from pg_class c where relnamespace = 'taskledger'::regnamespace and relkind in ('r', 'p', 'v') loop
      execute format('create temp table %I (%s)', v.relname, array_to_string(v.columns, ', '));
    end loop;
  end $$`;

export const shadowTypes = (schema: string): string =>
  ['text', 'uuid', 'timestamptz', 'json', 'jsonb', 'int4', 'int8', 'bytea', 'record', 'name']
    .map((type) => `create type ${schema}."${type}" as (hijacked int);`)
    .join('\n');

export const caught = (schema: string): string => `
  create function ${schema}.caught() returns void language plpgsql set search_path = pg_catalog as $$
  begin
    if current_user <> session_user then raise exception 'hijacked: % runs code of %', current_user, session_user; end if;
  end $$`;

/** A function for each of pg_catalog's that our functions mention, with the same arguments: it fits as well. */
export const shadowFunctions = (schema: string): string => `
  do $do$
  declare v record;
  begin
    for v in
      select p.proname, pg_get_function_identity_arguments(p.oid) as arguments, format_type(p.prorettype, null) as result
        from pg_proc p join pg_type r on r.oid = p.prorettype
       where p.pronamespace = 'pg_catalog'::regnamespace and p.prokind = 'f' and not p.proretset and r.typtype = 'b'
         and p.provariadic = 0
         and not exists (select from unnest(p.proargtypes) a join pg_type t on t.oid = a where t.typtype = 'p')
         and p.proname in (select (regexp_matches(prosrc, '\\m[a-z_0-9]+(?=\\()', 'g'))[1] from pg_proc
                            where pronamespace = 'taskledger'::regnamespace)
    loop
      execute format('create function ${schema}.%I(%s) returns %s language plpgsql as
        ''begin perform ${schema}.caught(); return null; end''', v.proname, v.arguments, v.result);
    end loop;
  end $do$`;

/** Operators over the types of our columns; they fit exactly, where many of ours convert. */
export const shadowOperators = (schema: string): string => `
  do $do$
  declare v record;
  begin
    for v in
      select o.oid, o.oprname, format_type(oprleft, null) as l, format_type(oprright, null) as r, format_type(oprresult, null) as result
        from pg_operator o
       where o.oprnamespace = 'pg_catalog'::regnamespace and o.oprkind = 'b' and o.oprresult <> 0 and o.oprcode <> 0
         and o.oprname in ('=', '<>', '<', '<=', '>', '>=', '~', '!~', '||', '+', '-', '*', '->', '->>', '@>', '<@', '&&', '?', '@?', '@@')
         and not exists (select from pg_type t where t.oid in (oprleft, oprright, oprresult) and t.typtype = 'p')
    loop
      execute format('create function ${schema}.trap_%s(l %s, r %s) returns %s language plpgsql as
        ''begin perform ${schema}.caught(); return null; end''', v.oid, v.l, v.r, v.result);
      execute format('create operator ${schema}.%s (leftarg = %s, rightarg = %s, function = ${schema}.trap_%s)', v.oprname, v.l, v.r, v.oid);
    end loop;
  end $do$`;
