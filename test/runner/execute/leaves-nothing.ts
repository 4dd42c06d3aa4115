import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, vi } from 'vitest';
import type { Handler } from '../../../src/ledger/define-task.ts';
import type { Executions } from '../../../src/runner/execute/executions.ts';
import { childrenHere, childrenIn } from './children-here.ts';
import {
  behaviour,
  runBehaviour,
  runHandler,
  testExecutions,
  withGrace,
  type Ran,
  type RunOptions,
} from './run-attempt.ts';

/** Guarantee, beyond what an attempt takes that comes after none that meant harm: a loaded machine starts processes slowly. */
const usableWithinMs = 2000;
/** What a warm child is known by, and what starts it within its limits: the program at the other end, or what seals its groups. */
const childPrograms = ['attempt-child.', 'runtimes/python/child.py', 'mount -o remount,bind,ro '];

interface Trial {
  /** Makes some for this trial alone: they are stopped at its end. */
  readonly executions: () => Executions;
  /** Does no harm, at the same level and within the same limits: it is to take the same place. */
  readonly harmless: Handler;
  readonly run: (executions: Executions) => Promise<Ran>;
  /** Looks at what else it left, before the end of its executions would have removed that too. */
  readonly whenEnded?: ((ran: Ran) => void) | undefined;
}

/**
 * Runs an attempt that means harm, or is broken as if it did: when it has ended no process of it is left, wherever it went,
 * and its place is usable again within two seconds; when its executions have stopped there is no process at all.
 */
export async function leavesNothing({ executions, harmless, run, whenEnded }: Trial): Promise<Ran> {
  return withOwnTmpdir(async (directory) => {
    const used = executions();
    const ran = await run(used);
    expect(strangersIn(directory)).toEqual([]);
    whenEnded?.(ran);
    const tookMs = await takesMs(used, harmless);
    // What it takes where nobody has meant harm is asked only where it matters.
    const usualMs = tookMs < usableWithinMs ? 0 : await usuallyTakesMs(executions(), harmless);
    expect(tookMs - usualMs).toBeLessThan(usableWithinMs);
    await used.stop();
    expect([...childrenHere(), ...childrenIn(directory)]).toEqual([]);
    return ran;
  });
}

/** Runs one attempt of `behaves.NAME` outside any ledger, of which nothing may be left. */
export function runFaulty(name: string, options: Omit<RunOptions, 'executions' | 'limits'>): Promise<Ran> {
  const harmless = withGrace(behaviour('nothing', options.level), options.graceMs);
  const run = (executions: Executions): Promise<Ran> => runBehaviour(name, { ...options, executions });
  return leavesNothing({ executions: () => testExecutions(), harmless, run });
}

/**
 * Gives what runs meanwhile a directory for temporary files of its own. By its working directory, which is in there, a
 * process is found that has left its group, its parents and its environment.
 */
export async function withOwnTmpdir<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const before = process.env['TMPDIR'];
  const directory = mkdtempSync(path.join(tmpdir(), 'taskledger-trial-'));
  // Children may run as somebody else, who must be able to pass.
  chmodSync(directory, 0o711);
  vi.stubEnv('TMPDIR', directory);
  try {
    return await run(directory);
  } finally {
    vi.stubEnv('TMPDIR', before);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What runs in there and is no child program that waits for an attempt: each as it was started. */
export function strangersIn(directory: string): string[] {
  // What this process is about to start is a copy of it for a moment.
  const own = commandOf('self');
  return childrenIn(directory)
    .map(commandOf)
    .filter((command) => command !== '' && command !== own && !childPrograms.some((one) => command.includes(one)));
}

function commandOf(pid: number | 'self'): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

async function takesMs(executions: Executions, harmless: Handler): Promise<number> {
  const startedAt = performance.now();
  expect(await runHandler(harmless, { executions })).toMatchObject({ kind: 'completed' });
  return performance.now() - startedAt;
}

async function usuallyTakesMs(executions: Executions, harmless: Handler): Promise<number> {
  const tookMs = await takesMs(executions, harmless);
  await executions.stop();
  return tookMs;
}
