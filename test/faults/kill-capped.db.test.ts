import { appendFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { defineTask } from '../../src/index.ts';
import { differencesFromLog, testLedger, typesOf } from '../support/ledger.ts';
import { effectsFile, spawnRunner } from '../support/runner-process.ts';
import { scaled } from '../support/scale.ts';

const cap = 2;

/** How many attempts were under way at once, by what they wrote; a process that is killed ends all of its own. */
function mostAtOnce(lines: readonly string[]): number {
  const running = new Set<string>();
  let most = 0;
  for (const line of lines) {
    const [runner = '', what, id] = line.split(' ');
    if (what === 'began') running.add(`${runner} ${id}`);
    if (what === 'ended') running.delete(`${runner} ${id}`);
    if (what === 'killed') for (const one of running) if (one.startsWith(`${runner} `)) running.delete(one);
    most = Math.max(most, running.size);
  }
  return most;
}

test('kill -9 of a runner that holds all places of a cap: another goes on when its leases expire, never beyond the cap', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  const tell = (text: string): void => appendFileSync(effects.file, `${text}\n`);
  const tasks = cap * scaled(5);
  await t.ledger.queues.set('few', { concurrency: cap });
  const items = Array.from({ length: tasks }, (_, input) => ({ input, queue: 'few' }));
  const ids = (await t.ledger.submitMany('some.task', items)).map(({ id }) => id);
  const first = spawnRunner({
    url: t.url,
    name: 'first',
    effects: effects.file,
    concurrency: tasks,
    // Not lost before it is killed, however slow the machine: what it began would then count beside what others begin.
    ttlMs: 5000,
    handler: `effect('began ' + taskId); await new Promise(() => undefined);`,
  });
  await expect.poll(() => effects.lines(), { timeout: 20_000 }).toHaveLength(cap);

  // Those of the second wait for one another, so that each place of the cap is seen to be taken.
  let together: (() => void)[] = [];
  const handler = defineTask({ name: 'some.task' }).handle(async ({ taskId }) => {
    tell(`second began ${taskId}`);
    await new Promise<void>((resolve) => {
      together.push(resolve);
      if (together.length < cap) return;
      for (const go of together) go();
      together = [];
    });
    tell(`second ended ${taskId}`);
  });
  await t.run([handler], { name: 'second', concurrency: tasks });
  // It has looked, with all places taken.
  await t.ledger.signals.next('claim.granted', ({ tasks: granted }) => granted === 0);
  first.child.kill('SIGKILL');
  await first.exited;
  tell('first killed');
  await t.settled();

  const lines = await effects.lines();
  expect(mostAtOnce(lines)).toBe(cap);
  expect(lines.slice(0, cap + 1).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
    ...Array.from({ length: cap }, () => 'first began'),
    'first killed',
  ]);
  // Each was run to its end once, those of the dead runner after it.
  expect(
    lines
      .filter((line) => line.startsWith('second ended'))
      .map((line) => line.split(' ')[2])
      .sort(),
  ).toEqual([...ids].sort());
  const taken = lines.slice(0, cap).map((line) => line.split(' ')[2] ?? '');
  for (const id of taken) {
    expect(typesOf(await t.ledger.history(id))).toEqual([
      'submitted',
      'leased',
      'lease_expired',
      'leased',
      'completed',
    ]);
  }
  expect(await differencesFromLog(t)).toEqual([]);
});
