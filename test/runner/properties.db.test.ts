import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokensThatDoNotIncrease } from '../support/fencing-tokens.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';
import { command, World, type Command } from '../support/random-lives.ts';

/**
 * After every sequence: fencing tokens grow (I2), every history folds (I3) to what the tables and views say (I4), and what
 * was recorded before is still there, as it was (I6).
 */
async function check({ t, tasks, name }: World, recorded: Map<string, string>): Promise<void> {
  expect(await changedEvents(t, recorded)).toEqual([]);
  expect(await tokensThatDoNotIncrease(t)).toEqual([]);
  expect(await differencesFromLog(t, tasks)).toEqual([]);
  expect(await statesThatDiffer(t, name)).toEqual([]);
}

/** Events of earlier sequences that are gone or have other content; takes note of those that are new. */
async function changedEvents({ pool }: TestLedger, recorded: Map<string, string>): Promise<string[]> {
  const { rows } = await pool.query<{ position: string; content: string }>(
    `select site || '/' || seq as position, md5(events::text) as content from taskledger.events`,
  );
  const stored = new Map(rows.map(({ position, content }) => [position, content]));
  const changed = [...recorded].filter(([position, content]) => stored.get(position) !== content);
  for (const [position, content] of stored) recorded.set(position, content);
  return changed.map(([position]) => position);
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

test('I2, I3, I4 and I6 hold after any sequence of commands by two actors', async () => {
  const t = await testLedger();
  const recorded = new Map<string, string>();
  let run = 0;
  const property = fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
    const world = new World(t, (run += 1));
    for (const one of commands) await world.run(one);
    await check(world, recorded);
  });
  await fc.assert(property, parameters(40));
});

test('I2, I3, I4 and I6 hold when two actors send their commands at the same time, and none fails', async () => {
  const t = await testLedger();
  const recorded = new Map<string, string>();
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
    await check(world, recorded);
  });
  await fc.assert(property, parameters(25));
});
