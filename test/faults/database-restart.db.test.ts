import { appendFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { defineTask } from '../../src/index.ts';
import { differencesFromLog, typesOf } from '../support/ledger.ts';
import { ledgerOnOwnServer, type OwnServer } from '../support/own-server.ts';
import { effectsFile } from '../support/runner-process.ts';
import { scaled } from '../support/scale.ts';

const task = defineTask({ name: 'some.task' });
/** Promised: a runner claims again that soon after the server accepts connections. */
const againWithinMs = 5000;

/** `immediate` leaves recovery to the next start, as after a crash. */
async function restart({ server }: OwnServer, mode: 'fast' | 'immediate'): Promise<void> {
  if (mode === 'immediate') await server.kill();
  await server.restart();
}

const completed = async ({ pool }: OwnServer): Promise<number> => {
  const { rows } = await pool.query<{ n: number }>(
    `select count(*)::int as n from taskledger.events where type = 'task.completed'`,
  );
  return rows[0]!.n;
};

test.each(['fast', 'immediate'] as const)(
  'a server that was restarted (%s) under an idle runner is claimed from again within 5 s (I10)',
  async (mode) => {
    const own = await ledgerOnOwnServer();
    await own.run([task.handle(() => 'done')], { leaseTtlMs: 3000 });
    await own.ledger.signals.next('claim.granted');
    await restart(own, mode);
    const acceptsAt = performance.now();
    const granted = own.ledger.signals.next('claim.granted', ({ tasks }) => tasks === 1);
    const { id } = await own.ledger.submit('some.task', 1);
    await granted;
    expect(performance.now() - acceptsAt).toBeLessThan(againWithinMs);
    expect(await own.ledger.result(id)).toBe('done');
  },
  60_000,
);

test.each(['fast', 'immediate'] as const)(
  'a server that is restarted (%s) under load loses no acknowledged task, and none completes twice (I1, I10)',
  async (mode) => {
    const own = await ledgerOnOwnServer();
    const effects = await effectsFile();
    const tasks = scaled(1000);
    const acknowledged = await own.ledger.submitMany(
      'some.task',
      Array.from({ length: tasks }, (_, n) => ({ input: n })),
    );
    const slow = task.handle(async ({ input, attempt }) => {
      await new Promise((resolve) => setImmediate(resolve));
      appendFileSync(effects.file, `${String(input)} did ${attempt}\n`);
    });
    await own.run([slow], { leaseTtlMs: 3000, maxBatch: 20 });
    await own.ledger.signals.next('settle.recorded');
    await restart(own, mode);
    const acceptsAt = performance.now();
    await own.ledger.signals.next('claim.granted', (claim) => claim.tasks > 0);
    expect(performance.now() - acceptsAt).toBeLessThan(againWithinMs);
    await expect.poll(() => completed(own), { timeout: 30_000 }).toBe(tasks);
    for (const { id } of acknowledged.slice(0, 20)) {
      expect(typesOf(await own.ledger.history(id)).at(-1)).toBe('completed');
    }
    const lines = await effects.lines();
    expect(new Set(lines.map((line) => line.split(' ')[0])).size).toBe(tasks);
    expect(new Set(lines).size).toBe(lines.length);
    expect(await differencesFromLog(own)).toEqual([]);
  },
  90_000,
);
