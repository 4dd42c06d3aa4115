import { expect, onTestFinished, test } from 'vitest';
import { openLedger } from '../../src/open-ledger.ts';
import { blockOfEvent } from '../../src/events/blocks/stored-block.ts';
import { auditLedger, checkBundle, textOf } from './audit-ledger.ts';

test('ledger.audit verifies, proves, exports and looks back', async () => {
  const t = await auditLedger();
  const ledger = await openLedger({ connectionString: t.url });
  onTestFinished(() => ledger.close());
  const { audit } = ledger;
  const against = await audit.heads();
  expect(await audit.verify({ against })).toMatchObject({
    findings: [],
    anchored: ['ams'],
    sites: [{ blocks: 3, events: 13 }],
  });
  const [first] = await audit.history(t.task);
  expect(first).toMatchObject({ event: { version: 1 }, proof: { status: 'sealed', block: 1n } });
  expect(await audit.stateAsOf(t.task, { site: 'ams', block: 1n })).toMatchObject({ state: 'pending' });
  expect(await audit.stateAsOf(t.task, { at: new Date(0) })).toBeUndefined();
  for (const lines of [
    audit.prove(first!.event),
    audit.export({ task: t.task }),
    audit.export({ site: 'ams', from: 1n }),
  ]) {
    expect((await checkBundle(await textOf(lines), against)).findings).toEqual([]);
  }
  await expect(textOf(audit.export({ site: 'lon' }))).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_FOUND' });
  await expect(audit.stateAsOf(t.task, { site: 'ams', block: 99n })).rejects.toMatchObject({
    code: 'TASKLEDGER_NOT_FOUND',
  });
  expect(() => audit.export({ task: 'x' })).toThrow('a task id');
});

test('the block of an event is found by index, however many blocks there are', async () => {
  const t = await auditLedger();
  await t.pool.query('alter table taskledger.blocks disable trigger all');
  await t.pool.query(`
    insert into taskledger.blocks (site, number, members, event_count, root, prev_hash, hash, sealed_at, sealed_by, format, key_id, signature, leaf_hints)
    select b.site, 1000 + n, int8multirange(int8range(1000 + n * 10, 1010 + n * 10)), 10, b.root, b.hash, b.hash, b.sealed_at, b.sealed_by,
           b.format, b.key_id, b.signature, '' from taskledger.blocks b, generate_series(1, 5000) n where b.number = 1`);
  await t.pool.query('analyze taskledger.blocks');
  const plan: string[] = [];
  const explaining = {
    query: async (text: string, values: readonly unknown[]) => {
      const { rows } = await t.pool.query<Record<string, string>>(`explain ${text}`, [...values]);
      plan.push(...rows.map((row) => row['QUERY PLAN'] ?? ''));
      return { rows: [] };
    },
  };
  await blockOfEvent(explaining, 'ams', 20_005n);
  expect(plan.join('\n')).toContain('Index Scan using blocks_members');
});
