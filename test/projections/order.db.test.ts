import fc from 'fast-check';
import { expect, test } from 'vitest';
import { projections } from '../../src/projections/projections.ts';
import { installMovableTime, setTime } from '../../src/testing/movable-time.ts';
import { differencesFromFold } from '../support/folded/differences-from-fold.ts';
import { closeIncident, raiseIncident } from '../support/incidents.ts';
import { scaled } from '../support/scale.ts';
import { command, World } from '../support/random-lives.ts';
import { projectingTest, type ProjectingTest } from './projecting.ts';

/** Fills the free slot of every projection with the blocks in this order, each in a step of its own. */
async function deliver({ pool }: ProjectingTest, blocks: readonly number[]): Promise<void> {
  for (const { name, project } of projections) {
    const { rows } = await pool.query<{ slot: string }>('select taskledger.rebuild_projection($1) as slot', [name]);
    const slot = rows[0]!.slot;
    for (const block of blocks) {
      // As if it were the next of its stream: streams of several sites come in any order beside one another.
      const moved = [name, slot, block - 1];
      await pool.query('update taskledger.cursors set block = $3 where projection = $1 and slot = $2', moved);
      await pool.query(`select ${project}($1, 'ams', $2, $2)`, [slot, block]);
    }
  }
}

/** The rows of one slot that are not in the other, in both directions. */
async function unequalRows({ pool }: ProjectingTest): Promise<unknown[]> {
  const unequal: unknown[] = [];
  for (const table of projections.flatMap(({ tables }) => Object.keys(tables))) {
    const rowsOf = (slot: string): string =>
      `select to_jsonb(x) - 'slot' from taskledger.${table} x where slot = '${slot}'`;
    const { rows } = await pool.query(
      `(${rowsOf('a')} except ${rowsOf('b')}) union all (${rowsOf('b')} except ${rowsOf('a')})`,
    );
    unequal.push(...rows.map((row: object) => ({ table, ...row })));
  }
  return unequal;
}

async function emptyFreeSlots({ pool }: ProjectingTest): Promise<void> {
  await pool.query(
    "select taskledger.empty_slot(name, case live when 'a' then 'b' else 'a' end) from taskledger.projections",
  );
}

/** What happens before a command: time passes until somebody submits a task, an incident is raised or closed; and after it. */
const happening = fc.record({
  step: command,
  pauseMs: fc.option(fc.integer({ min: 1, max: 200_000 }), { freq: 4, nil: 0 }),
  incident: fc.option(fc.nat(5), { freq: 6, nil: undefined }),
  seals: fc.boolean(),
});

/** Raises incident 0, and closes one of the others, again and again; the number is taken modulo what exists. */
async function meetIncident({ pool }: ProjectingTest, raised: string[], incident: number): Promise<void> {
  const seq = incident === 0 ? undefined : raised[incident % Math.max(1, raised.length)];
  if (seq === undefined) raised.push(await raiseIncident(pool, `incident ${raised.length}`));
  else await closeIncident(pool, seq, `resolution ${incident}`);
}

test('I4, I5: random lives, in blocks delivered in any order, come to the rows the histories fold to', async () => {
  const t = await projectingTest();
  await installMovableTime(t.pool);
  const raised: string[] = [];
  let runs = 0;
  let offsetMs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { minLength: 20, maxLength: 60 }),
      fc.infiniteStream(fc.nat()),
      async (steps, order) => {
        const world = new World(t, (runs += 1));
        for (const { step, pauseMs, incident, seals } of steps) {
          if (pauseMs > 0) {
            await setTime(t.pool, { offsetMs: (offsetMs += pauseMs), frozenAt: undefined });
            await world.run({ do: 'submit', attempts: 1, isProtected: false });
          }
          await world.run(step);
          if (incident !== undefined) await meetIncident(t, raised, incident);
          if (seals) await t.sealer.runOnce();
        }
        await t.project();
        expect(await t.differences()).toEqual([]);
        const { rows } = await t.pool.query<{ blocks: number }>(
          'select max(number)::int as blocks from taskledger.blocks',
        );
        const shuffled = Array.from({ length: rows[0]!.blocks }, (_, i) => ({ block: i + 1, at: order.next().value }));
        shuffled.sort((a, b) => a.at - b.at);
        await deliver(
          t,
          shuffled.map(({ block }) => block),
        );
        expect(await unequalRows(t)).toEqual([]);
        expect(await differencesFromFold(t.pool, 'free')).toEqual([]);
        await emptyFreeSlots(t);
      },
    ),
    { numRuns: scaled(5) },
  );
}, 120_000);
