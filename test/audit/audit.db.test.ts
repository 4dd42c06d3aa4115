import { expect, onTestFinished, test } from 'vitest';
import { openLedger } from '../../src/open-ledger.ts';
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
