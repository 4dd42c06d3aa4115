import { expect, it, onTestFinished } from 'vitest';
import { defineTask } from '../../src/ledger/define-task.ts';
import { deferred } from '../runner/fakes.ts';
import { openSites, type TestSite } from '../support/sites.ts';
import { watching } from '../support/watching.ts';

const says = defineTask<string>({ name: 'some.task' });

it('at another site a watcher sees the story, that lines are sent at its owner alone, and the last ones with the outcome', async () => {
  const [ams, fra] = (await openSites(['ams', 'fra'])) as [TestSite, TestSite];
  const end = deferred<undefined>();
  const handler = says.handle(async ({ log }) => {
    log.info('while it ran');
    await end.promise;
  });
  const runner = ams.ledger.runner({ handlers: [handler] });
  onTestFinished(() => runner.stop());
  await runner.start();
  const { id } = await ams.ledger.submit(says, 'x');
  const stateAtFra = () => fra.ledger.get(id).then(({ state }) => state, String);
  await expect.poll(stateAtFra, { timeout: 10_000 }).toBe('leased');
  const { seen, over } = watching(fra.ledger, id);
  await expect.poll(() => seen.at(-1)).toBe('another site owns it');
  end.resolve(undefined);
  await over;
  const before = ['task.submitted', 'task.leased', 'another site owns it'];
  expect(seen).toEqual([...before, 'info while it ran', 'task.completed']);
}, 60_000);
