/**
 * The leaf hash of an event as SQL over the alias `e`, in the exact form of `leafHash`. The database only reads and hashes
 * with its own built-in functions: what a changed function of ours would answer does not matter here.
 */
export const leafSql = `sha256('\\x00' || convert_to('tl1' || E'\\n' || e.site || E'\\n' || e.seq::text || E'\\n' || e.realm || E'\\n' || e.epoch::text || E'\\n'
  || coalesce(e.task_id::text, '') || E'\\n' || coalesce(e.version::text, '') || E'\\n' || e.type || E'\\n'
  || (extract(epoch from e.occurred_at) * 1000)::bigint::text || E'\\n' || e.actor || E'\\n'
  || coalesce(encode(sha256(convert_to(e.context::text, 'UTF8')), 'hex'), '') || E'\\n'
  || encode(sha256(convert_to(e.data::text, 'UTF8')), 'hex'), 'UTF8'))`;
