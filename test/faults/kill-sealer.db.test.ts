import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { verifyLog } from '../../src/audit/verify.ts';
import { spawnDaemon, type DaemonProcess } from '../support/daemon-process.ts';
import { testLedger, type TestLedger } from '../support/ledger.ts';
import { ledgerOnOwnServer } from '../support/own-server.ts';
import { knownKeyFile } from '../support/site-key-file.ts';

/** A sealer that is killed, stopped or cut off at every step of a tick; afterwards each event is in exactly one block. */

const steps = ['begun', 'fetched', 'stored', 'committed'] as const;
const at = (step: string): string => `name === 'seal.step' && data.step === '${step}'`;
const patienceMs = 20_000;

async function submitSome(t: TestLedger): Promise<void> {
  await t.ledger.submitMany('some.task', [{ input: 1 }, { input: 2 }, { input: 3 }]);
}

/** Every committed event in exactly one block, and everything as it was sealed (I7, I8). */
async function expectAllSealed({ pool }: TestLedger): Promise<void> {
  const state = async (): Promise<unknown> => {
    const { sites, findings } = await verifyLog(pool);
    return { findings, unsealed: sites[0]?.unsealed };
  };
  await expect.poll(state, { timeout: patienceMs }).toEqual({ findings: [], unsealed: 0 });
}

/** The session that leads, once there is one (other than `not`). */
async function leader({ pool }: TestLedger, not?: number): Promise<number> {
  let pid: number | undefined;
  const leads = async (): Promise<boolean> => {
    const { rows } = await pool.query<{ pid: number }>(
      `select l.pid from pg_locks l join pg_stat_activity a using (pid)
        where l.locktype = 'advisory' and l.granted and a.application_name = 'taskledger sealer' and a.datname = current_database()`,
    );
    pid = rows[0]?.pid;
    return pid !== undefined && pid !== not;
  };
  await expect.poll(leads, { timeout: patienceMs }).toBe(true);
  return pid ?? 0;
}

async function stopped({ pid }: DaemonProcess): Promise<void> {
  const state = (): string => execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  await expect.poll(state, { timeout: patienceMs }).toMatch(/^T/);
}

test.each(steps)('I8, I10: killed with -9 when a tick has %s: the next one goes on, nothing twice', async (step) => {
  const t = await testLedger();
  const keyFile = await knownKeyFile(t.url);
  await submitSome(t);
  expect(await spawnDaemon(t.url, at(step), { keyFile }).died).toBe('SIGKILL');
  await submitSome(t);
  spawnDaemon(t.url, 'false', { keyFile });
  await expectAllSealed(t);
});

test.each(steps.slice(0, 3))('I8, I10: its connection is cut when a tick has %s: it makes another', async (step) => {
  const t = await testLedger();
  const keyFile = await knownKeyFile(t.url);
  await submitSome(t);
  const daemon = spawnDaemon(t.url, 'false', { keyFile, stopsAt: at(step) });
  await stopped(daemon);
  const pid = await leader(t);
  await t.pool.query('select pg_terminate_backend($1)', [pid]);
  daemon.kill('SIGCONT');
  expect(await leader(t, pid)).not.toBe(pid);
  await expectAllSealed(t);
});

test.each(['SIGKILL', 'SIGSTOP'] as const)('I10: of two, the other leads when the leader gets %s', async (signal) => {
  const t = await testLedger();
  const keyFile = await knownKeyFile(t.url);
  const first = spawnDaemon(t.url, 'false', { keyFile });
  const led = await leader(t);
  spawnDaemon(t.url, 'false', { keyFile });
  await submitSome(t);
  first.kill(signal);
  await submitSome(t);
  expect(await leader(t, led)).not.toBe(led);
  await expectAllSealed(t);
  // What was stopped wakes up believing that it leads.
  first.kill('SIGCONT');
  await submitSome(t);
  await expectAllSealed(t);
});

test('I8, I10: PostgreSQL crashes while events come in: nothing acknowledged is missing from the blocks', async () => {
  const t = await ledgerOnOwnServer();
  const keyFile = await knownKeyFile(t.url);
  spawnDaemon(t.url, 'false', { keyFile });
  const acknowledged: string[] = [];
  let stop = false;
  const load = async (): Promise<void> => {
    for (let input = 0; !stop; input += 1) {
      const one = await t.ledger.submit('some.task', input).catch(() => undefined);
      if (one !== undefined) acknowledged.push(String(one.seq));
    }
  };
  const loads = [load(), load()];
  for (const target of [50, 150]) {
    await expect.poll(() => acknowledged.length, { timeout: patienceMs }).toBeGreaterThan(target);
    await t.server.kill();
    await t.server.restart();
  }
  stop = true;
  await Promise.all(loads);
  await expectAllSealed(t);
  const { rows } = await t.pool.query<{ seq: string }>(
    `select s::text as seq from taskledger.blocks b, unnest(b.members) r, generate_series(lower(r), upper(r) - 1) s`,
  );
  const sealed = new Set(rows.map(({ seq }) => seq));
  expect(acknowledged.filter((seq) => !sealed.has(seq))).toEqual([]);
});
