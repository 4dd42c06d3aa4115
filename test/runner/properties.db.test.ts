import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokensThatDoNotIncrease } from '../support/fencing-tokens.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';
import { command, World } from '../support/random-lives.ts';

/** After every sequence: fencing tokens grow (I2), every history folds (I3) to what the tables and views say (I4). */
async function check({ t, tasks, name }: World): Promise<void> {
  expect(await tokensThatDoNotIncrease(t)).toEqual([]);
  expect(await differencesFromLog(t, tasks)).toEqual([]);
  expect(await statesThatDiffer(t, name)).toEqual([]);
}

/** What the view everybody reads says is what the log says. */
async function statesThatDiffer({ pool, ledger }: TestLedger, name: string): Promise<string[]> {
  const { rows } = await pool.query<{ id: string; state: string; version: number }>(
    'select id, state, version from taskledger.tasks where name = $1',
    [name],
  );
  const differ: string[] = [];
  for (const { id, state, version } of rows) {
    const told = await ledger.get(id);
    if (told.state !== state || told.version !== version) {
      differ.push(`${id}: log ${told.state} v${told.version}, view ${state} v${version}`);
    }
  }
  return differ;
}

/** A failing property prints its seed and path; FAST_CHECK_SEED repeats one. */
const parameters = (numRuns: number): { numRuns: number; seed?: number } => {
  const seed = process.env['FAST_CHECK_SEED'];
  return { numRuns, ...(seed === undefined ? {} : { seed: Number(seed) }) };
};

test('I2, I3 and I4 hold after any sequence of commands by two actors', async () => {
  const t = await testLedger();
  let run = 0;
  const property = fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
    const world = new World(t, (run += 1));
    for (const one of commands) await world.run(one);
    await check(world);
  });
  await fc.assert(property, parameters(40));
});

test('I2, I3 and I4 hold when two actors send their commands at the same time, and none fails', async () => {
  const t = await testLedger();
  let run = 0;
  const commands = fc.array(command, { minLength: 5, maxLength: 25 });
  const property = fc.asyncProperty(commands, commands, async (one, other) => {
    const world = new World(t, (run += 1));
    for (let i = 0; i < 5; i += 1) await world.run({ do: 'submit', attempts: 1 + (i % 3), isProtected: i === 4 });
    // Each settles what it claimed itself; tasks are shared.
    const act = async (mine: Command[], actor: 0 | 1): Promise<void> => {
      for (const each of mine) await world.run('actor' in each ? { ...each, actor } : each);
    };
    await Promise.all([act(one, 0), act(other, 1)]);
    await check(world);
  });
  await fc.assert(property, parameters(25));
});
