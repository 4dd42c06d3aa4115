import { onTestFinished } from 'vitest';
import { systemClock, type Clock } from '../../../src/clock.ts';
import type { Lease, SubmittedData } from '../../../src/ledger/claim.ts';
import type { Handler } from '../../../src/ledger/define-task.ts';
import type { ChildIsolation, PoolLimits } from '../../../src/ledger/isolation.ts';
import type { Progress } from '../../../src/ledger/progress.ts';
import type { Outcome } from '../../../src/ledger/settle.ts';
import { Attempt } from '../../../src/runner/attempt.ts';
import type { Report } from '../../../src/runner/execute/execution.ts';
import { Executions } from '../../../src/runner/execute/executions.ts';
import type { Limiting } from '../../../src/runner/execute/limits/limiting.ts';
import { leaseOf } from '../fakes.ts';
import { pythonBehaviour } from './python-behaviours.ts';

export type Level = 'inline' | 'pool' | 'process' | 'python pool' | 'python process';

/** Those whose attempts run in child processes of Node. */
export const childLevels = ['process', 'pool'] as const;
/** The same behaviours in Python. */
export const pythonLevels = ['python process', 'python pool'] as const;

/** Where child processes import the behaviours from, and what they export. */
const behavioursUrl = new URL('./behaviours.mjs', import.meta.url).href;
const behaviours = (await import(/* @vite-ignore */ behavioursUrl)) as { both: Handler[]; faulty: Handler[] };

/** The handler of `behaves.NAME`, at a level. */
export function behaviour(name: string, level: Level = 'process'): Handler {
  if (level === 'python pool') return pythonBehaviour(name, 'pool');
  if (level === 'python process') return pythonBehaviour(name, 'process');
  const found = [...behaviours.both, ...behaviours.faulty].find(
    ({ definition }) => definition.name === `behaves.${name}`,
  )!;
  const { isolation } = found;
  if (level === 'inline' || isolation === undefined) return { ...found, isolation: undefined };
  return { ...found, isolation: { ...isolation, isolation: level } as ChildIsolation };
}

/** A handler whose pool has other limits than the defaults. */
export function withLimits(handler: Handler, limits: PoolLimits): Handler {
  const { isolation } = handler;
  return isolation?.isolation === 'pool' ? { ...handler, isolation: { ...isolation, ...limits } } : handler;
}

/** Ends every process of a test when it ends. */
export function testExecutions(clock: Clock = systemClock, limiting: Limiting = {}): Executions {
  const executions = new Executions(clock, undefined, limiting);
  onTestFinished(() => executions.stop());
  return executions;
}

export interface Ran {
  readonly kind: Outcome['kind'];
  readonly output: unknown;
  readonly error: { readonly code: string; readonly [key: string]: unknown };
  readonly reason: unknown;
  readonly retryInMs: number | undefined;
  readonly report: Report;
}

export interface RunOptions {
  readonly level?: Level;
  /** Those of earlier attempts, for attempts that are to meet the same children. Default: new ones. */
  readonly executions?: Executions;
  readonly limits?: PoolLimits;
  readonly input?: unknown;
  /** Instead of the handler's own. */
  readonly graceMs?: number;
  readonly lease?: Partial<Lease>;
  readonly submitted?: Partial<SubmittedData>;
  /** Called with each progress, and the attempt that reports it. */
  readonly onProgress?: (progress: Progress, attempt: Attempt) => void;
}

/** Runs one attempt of `behaves.NAME` outside any ledger. */
export function runBehaviour(name: string, options: RunOptions = {}): Promise<Ran> {
  const { level = 'process', graceMs, limits = {} } = options;
  return runHandler(withLimits(withGrace(behaviour(name, level), graceMs), limits), options);
}

/** Runs one attempt of a handler outside any ledger. */
export async function runHandler(
  handler: Handler,
  options: Omit<RunOptions, 'level' | 'graceMs' | 'limits'> = {},
): Promise<Ran> {
  const { input = null, lease = {}, submitted = {}, onProgress, executions = testExecutions() } = options;
  const data = { name: handler.definition.name, input, ...submitted };
  const attempt = new Attempt(leaseOf('t', lease, data), systemClock, async (one, progress) => {
    onProgress?.(progress, one);
  });
  return told(await attempt.run(handler, () => 0.5, executions.of(handler)));
}

/** A handler with another grace than its own. */
export function withGrace(handler: Handler, graceMs: number | undefined): Handler {
  const { isolation } = handler;
  return isolation === undefined || graceMs === undefined
    ? handler
    : { ...handler, isolation: { ...isolation, graceMs } };
}

/** Tells the attempt to stop as soon as its handler has begun. */
export const stopOnceBegun =
  (reason: 'abort' | 'timeout' | 'shutdown' | 'lease lost') =>
  (_progress: Progress, attempt: Attempt): void =>
    attempt.stop(reason);

function told({ kind, detailJson, retryInMs, reportJson }: Outcome): Ran {
  const detail = JSON.parse(detailJson ?? 'null') as Record<string, unknown> | null;
  return {
    kind,
    output: detail,
    error: (detail ?? {}) as Ran['error'],
    reason: detail?.['reason'],
    retryInMs,
    report: JSON.parse(reportJson ?? '{}') as Report,
  };
}

/** Whether a process of this number runs; one that has ended and that nobody has noticed does not. */
export { processStart } from '../../../src/postgres/embedded/process-identity.ts';
