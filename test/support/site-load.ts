import { expect, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { defineTask } from '../../src/ledger/define-task.ts';
import { effectsByTask, unexplainedEffects } from './effects.ts';
import type { TestSite } from './sites.ts';

/** What clients and runners do while a fault lasts; what they were promised is kept here, outside every database. */
export interface SiteLoad {
  /** Ids of tasks whose submission was acknowledged, by site. */
  readonly acknowledged: ReadonlyMap<string, readonly string[]>;
  /** What the runner of each site did: lines of an effects file (effects.ts). */
  readonly effects: ReadonlyMap<string, readonly string[]>;
  /** Goes on for so long, milliseconds. */
  lasts(ms: number): Promise<void>;
  /** Until this site has acknowledged so many more. @throws when that takes longer than 20 s */
  more(site: TestSite, tasks: number): Promise<void>;
  /** Ends it, once every site has run something. @throws when that takes longer than 20 s */
  stop(): Promise<void>;
}

const batch = 5;
const pauseMs = 100;
const patienceMs = 20_000;
const task = defineTask({ name: 'tickets.issue' });

/**
 * Submits at these sites, and runs what was submitted, until stopped; begins once each is replicated from by all others. A site
 * that is away is tried again.
 * @param all with those that have no load; default: there are no others
 */
export async function startLoad(sites: readonly TestSite[], all = sites): Promise<SiteLoad> {
  await Promise.all(sites.map((site) => whenReplicated(site, all.length - 1)));
  const acknowledged = new Map<string, string[]>(sites.map(({ name }) => [name, []]));
  const effects = new Map<string, string[]>(sites.map(({ name }) => [name, []]));
  const stopped = new AbortController();
  const runners = await Promise.all(sites.map((site) => startRunner(site, effects.get(site.name)!)));
  const submitting = Promise.all(sites.map((site) => submit(site, acknowledged.get(site.name)!, stopped.signal)));
  const end = async (): Promise<void> => {
    stopped.abort();
    await submitting;
    await Promise.all(runners.map((runner) => runner.stop(2000)));
  };
  onTestFinished(end);
  return {
    acknowledged,
    effects,
    lasts: (ms) => systemClock.sleep(ms),
    async more({ name }, tasks) {
      const ids = acknowledged.get(name)!;
      const goal = ids.length + tasks;
      await expect.poll(() => ids.length, { timeout: patienceMs, interval: 20 }).toBeGreaterThanOrEqual(goal);
    },
    async stop() {
      const idle = (): string[] => sites.map(({ name }) => name).filter((name) => effects.get(name)?.length === 0);
      await expect.poll(idle, { timeout: patienceMs, interval: 50 }).toEqual([]);
      await end();
    },
  };
}

async function whenReplicated({ pool }: TestSite, subscribers: number): Promise<void> {
  const read = async (): Promise<number | null> =>
    (await pool.query('select from pg_replication_slots where database = current_database() and active')).rowCount;
  await expect.poll(read, { timeout: patienceMs, interval: 50 }).toBe(subscribers);
}

async function startRunner({ ledger }: TestSite, lines: string[]): Promise<{ stop(drainMs?: number): Promise<void> }> {
  const handler = task.handle(({ taskId, lease }) => void lines.push(`here ${taskId} ${lease.version}`));
  const runner = ledger.runner({ handlers: [handler], leaseTtlMs: 5000, pollMs: 200, concurrency: 10, maxBatch: 10 });
  await runner.start();
  return runner;
}

async function submit({ ledger }: TestSite, ids: string[], stopped: AbortSignal): Promise<void> {
  const tasks = Array.from({ length: batch }, (_, i) => ({ input: { i } }));
  while (!stopped.aborted) {
    // Of what failed nothing was acknowledged.
    await ledger.submitMany('tickets.issue', tasks).then(
      (found) => ids.push(...found.map(({ id }) => id)),
      () => undefined,
    );
    await systemClock.sleep(pauseMs, stopped);
  }
}

/** I1 and guarantees 2 to 4, counted outside: every acknowledged task is at every site, once; every effect has its lease there. */
export async function expectKept(load: SiteLoad, sites: readonly TestSite[]): Promise<void> {
  const ids = [...load.acknowledged.values()].flat();
  expect(ids.length).toBeGreaterThan(0);
  for (const { name, pool } of sites) {
    const { rows } = await pool.query<{ id: string }>(
      `select x.id from unnest($1::uuid[]) x(id)
        where 1 <> (select count(*) from taskledger.events e where e.task_id = x.id and e.type = 'task.submitted')`,
      [ids],
    );
    expect(rows, `acknowledged tasks that are not at ${name} once`).toEqual([]);
  }
  const reader = sites.at(-1)!.ledger;
  for (const lines of load.effects.values()) {
    for (const [id, ran] of effectsByTask(lines)) {
      expect(unexplainedEffects(await reader.history(id), ran), `effects of ${id}`).toEqual([]);
    }
  }
}
