/**
 * How far each stream may be read here, as a table (site, block) to join with: the own one to its end, those of other sites as
 * far as they were proven. What comes later may lack events that are still on their way.
 */
export const readableBlocks = `(
  select t.site, case when t.own then 9223372036854775807 else coalesce(q.number, 0) end as block
    from taskledger.streams t cross join taskledger.site me
    left join taskledger.proofs q on q.by_site = me.name and q.of_site = t.site)`;
