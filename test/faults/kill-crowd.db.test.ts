import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { openLedger, type Ledger } from '../../src/index.ts';
import { firstLine, runCli, spawnCli } from '../cli/run-cli.ts';
import { effectsByTask, unexplainedEffects } from '../support/effects.ts';
import { tokensThatDoNotIncrease } from '../support/fencing-tokens.ts';
import { differencesFromLog } from '../support/ledger.ts';
import { scaled, testScale } from '../support/scale.ts';

/**
 * What the ledger promises, on what a user starts: `taskledger dev` in an empty directory, a crowd of tasks that compress real
 * files, a `taskledger run` killed with -9 three times and Postgres once meanwhile, and one payment in the middle of it.
 */
const files = 40;

/** Counts what it does in a file outside the ledger, by process, task and lease. */
const handlers = `
import { createHash, randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { defineTask } from 'taskledger';

const compress = promisify(gzip);
const effect = ({ taskId, lease }) => appendFileSync('effects', process.pid + ' ' + taskId + ' ' + lease.version + '\\n');

export const pack = defineTask({ name: 'files.pack' }).handle(async (context) => {
  const { from, to } = context.input;
  const bytes = await readFile(from);
  const draft = to + '.' + randomUUID();
  await writeFile(draft, await compress(bytes));
  await rename(draft, to);
  effect(context);
  return { sha256: createHash('sha256').update(bytes).digest('hex') };
});

// Payments are run by processes of their own; this one is killed while the bank has the money and nobody knows.
const payment = defineTask({ name: 'payments.pay', protected: true }).handle(async (context) => {
  effect(context);
  await new Promise(() => undefined);
});
export const pay = process.env.PAYMENTS === 'yes' ? payment : undefined;
`;

interface Place {
  readonly cwd: string;
  /** sha256 of each source file. */
  readonly digests: readonly string[];
  lines(): Promise<string[]>;
}

async function place(): Promise<Place> {
  const cwd = await mkdtemp(path.join(tmpdir(), 'taskledger-crowd-'));
  onTestFinished(() => rm(cwd, { recursive: true, force: true }));
  // The database's system user must be able to pass through.
  await chmod(cwd, 0o755);
  await mkdir(path.join(cwd, 'out'));
  await writeFile(path.join(cwd, 'tasks.mjs'), handlers);
  const digests: string[] = [];
  for (let i = 0; i < files; i += 1) {
    const text = `${i} pays ${i * 17} to ${files - i}\n`.repeat(2000);
    await writeFile(path.join(cwd, `in-${i}`), text);
    digests.push(createHash('sha256').update(text).digest('hex'));
  }
  const read = (): Promise<string> => readFile(path.join(cwd, 'effects'), 'utf8').catch(() => '');
  return { cwd, digests, lines: async () => (await read()).split('\n').filter((line) => line !== '') };
}

function start(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawnCli(args, { cwd, env: { ...env, LOG_LEVEL: 'warn' } });
  child.stderr?.resume();
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return child;
}

/** Keeps the crowd coming until the process has done some more of it: what is killed next dies at work. */
async function works(child: ChildProcess, at: Place, submit: (tasks: number) => Promise<void>): Promise<void> {
  const done = async (): Promise<number> =>
    (await at.lines()).filter((line) => line.startsWith(`${child.pid} `)).length;
  const before = await done();
  const goesOn = async (): Promise<boolean> => {
    expect(child.exitCode).toBe(null);
    if ((await done()) > before) return true;
    // Refused while Postgres is away.
    await submit(10).catch(() => undefined);
    return false;
  };
  await expect.poll(goesOn, { timeout: 30_000, interval: 100 }).toBe(true);
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function killPostgres({ cwd }: Place): Promise<void> {
  const file = await readFile(path.join(cwd, '.taskledger/data/postmaster.pid'), 'utf8');
  process.kill(Number(file.split('\n')[0]), 'SIGKILL');
}

test(
  'the must-show run: every task of the crowd is completed, every double run explained, and the payment ran once',
  { timeout: 120_000 * Math.max(1, testScale / 4) },
  async () => {
    const at = await place();
    const dev = start(['dev', '--handlers', 'tasks.mjs', '--json'], at.cwd);
    const { url } = (JSON.parse(await firstLine(dev)) as { sites: { url: string }[] }).sites[0]!;
    const ledger = await openLedger({ connectionString: url });
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    pool.on('error', () => undefined);
    onTestFinished(async () => {
      await pool.end();
      await ledger.close();
    });

    const packed: string[] = [];
    const submit = async (tasks: number): Promise<void> => {
      const first = packed.length;
      const items = Array.from({ length: tasks }, (_, i) => ({
        input: { from: `in-${(first + i) % files}`, to: `out/${first + i}.gz` },
      }));
      packed.push(...(await ledger.submitMany('files.pack', items)).map(({ id }) => id));
    };
    const run = (): ChildProcess =>
      start(['run', '--handlers', 'tasks.mjs', '--ttl', '2s'], at.cwd, { PAYMENTS: 'yes' });
    const part = Math.ceil(scaled(300) / 3);

    const payment = await ledger.submit('payments.pay', { to: 'the bank' }, { protected: true });
    const payer = run();
    await submit(part);
    await expect
      .poll(async () => (await at.lines()).some((line) => line.includes(payment.id)), { timeout: 30_000 })
      .toBe(true);
    await kill(payer);
    const second = run();
    await submit(part);
    await works(second, at, submit);
    const startedAt = (): Promise<string | undefined> =>
      pool.query<{ at: string }>('select pg_postmaster_start_time()::text as at').then(
        ({ rows }) => rows[0]?.at,
        () => undefined,
      );
    const killed = await startedAt();
    await killPostgres(at);
    // Connections of a killed server outlive it for a moment, and may still answer.
    const answersAnew = async (): Promise<boolean> => ![killed, undefined].includes(await startedAt());
    await expect.poll(answersAnew, { timeout: 30_000, interval: 100 }).toBe(true);
    const submitted = (): Promise<boolean> =>
      submit(part).then(
        () => true,
        () => false,
      );
    await expect.poll(submitted, { timeout: 30_000, interval: 100 }).toBe(true);
    await works(second, at, submit);
    await kill(second);
    const third = run();
    await works(third, at, submit);
    await kill(third);

    const states = async (): Promise<unknown> =>
      (
        await pool
          .query('select state, count(*)::int as n from taskledger.open_tasks group by 1')
          .catch(() => undefined)
      )?.rows;
    const timeout = 60_000 * Math.max(1, testScale / 4);
    await expect.poll(states, { timeout, interval: 100 }).toEqual([{ state: 'in_doubt', n: 1 }]);
    await expectPacked(at, ledger, packed);
    await expectPaidOnce(at, ledger, payment.id);
    expect(await tokensThatDoNotIncrease({ pool })).toEqual([]);
    expect(await differencesFromLog({ pool })).toEqual([]);

    dev.kill('SIGTERM');
    expect(await once(dev, 'exit')).toEqual([0, null]);
  },
);

async function expectPacked(at: Place, ledger: Ledger, packed: readonly string[]): Promise<void> {
  const byTask = effectsByTask(await at.lines());
  for (const [i, id] of packed.entries()) {
    const sha256 = at.digests[i % files];
    expect(await ledger.get(id)).toMatchObject({ state: 'completed', output: { sha256 } });
    expect(unexplainedEffects(await ledger.history(id), byTask.get(id) ?? [])).toEqual([]);
    const unpacked = gunzipSync(await readFile(path.join(at.cwd, `out/${i}.gz`)));
    expect(createHash('sha256').update(unpacked).digest('hex')).toBe(sha256);
  }
}

async function expectPaidOnce(at: Place, ledger: Ledger, id: string): Promise<void> {
  expect(await ledger.get(id)).toMatchObject({ state: 'in_doubt', attempt: 1 });
  const how = ['--outcome', 'completed', '--output', '{"reference":"B-1"}', '--reason', 'the bank has it'];
  expect(await runCli(['resolve', id, ...how], { cwd: at.cwd })).toMatchObject({ status: 0 });
  expect(await ledger.get(id)).toMatchObject({ state: 'completed', attempt: 1, output: { reference: 'B-1' } });
  expect((await at.lines()).filter((line) => line.includes(id))).toHaveLength(1);
}
