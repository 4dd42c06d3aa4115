import { expect, onTestFinished, test } from 'vitest';
import { systemClock, type Clock } from '../../src/clock.ts';
import { defineTask, openLedger } from '../../src/index.ts';
import { differencesFromLog, testLedger, typesOf } from '../support/ledger.ts';

const hourMs = 3_600_000;

/** What a host says whose wall clock is wrong; what it measures is right. */
const offBy = (ms: number): Clock => ({ ...systemClock, now: () => systemClock.now() + ms });

test.each([-hourMs, hourMs])(
  'a runner whose host is %i ms off writes a correct history, keeps its leases and retries on time',
  async (ms) => {
    const t = await testLedger();
    const ledger = await openLedger({ connectionString: t.url, clock: offBy(ms) });
    onTestFinished(() => ledger.close());
    const task = defineTask({ name: 'some.task', retry: { attempts: 3, backoff: { kind: 'fixed', delay: '300ms' } } });
    const handler = task.handle(async ({ attempt, signal }) => {
      if (attempt === 1) throw new Error('no luck');
      // Longer than a lease without renewal.
      for (let times = 0; times < 4; times += 1) await ledger.signals.next('claim.renewed');
      return signal.aborted ? 'told to stop' : 'kept its lease';
    });
    const runner = ledger.runner({ handlers: [handler], pollMs: 50, leaseTtlMs: 1500 });
    onTestFinished(() => runner.stop(0));
    const { id } = await ledger.submit(task, 1);
    await runner.start();
    expect(await ledger.result(id, { timeoutMs: 15_000 })).toBe('kept its lease');
    const history = await t.ledger.history(id);
    expect(typesOf(history)).toEqual(['submitted', 'leased', 'attempt_failed', 'leased', 'completed']);
    const times = history.map(({ occurred_at }) => Date.parse(occurred_at));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const { rows } = await t.pool.query<{ now: Date }>('select clock_timestamp() as now');
    for (const at of times) expect(Math.abs(rows[0]!.now.getTime() - at)).toBeLessThan(60_000);
    const [, , failed, again] = times;
    expect(again! - failed!).toBeGreaterThanOrEqual(250);
    expect(again! - failed!).toBeLessThan(5000);
    expect(await differencesFromLog(t)).toEqual([]);
  },
);
