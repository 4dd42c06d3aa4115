import { onTestFinished } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import type { Lease, SubmittedData } from '../../../src/ledger/claim.ts';
import type { Handler } from '../../../src/ledger/define-task.ts';
import type { Progress } from '../../../src/ledger/progress.ts';
import type { Outcome } from '../../../src/ledger/settle.ts';
import { Attempt } from '../../../src/runner/attempt.ts';
import type { Report } from '../../../src/runner/execute/execution.ts';
import { Executions } from '../../../src/runner/execute/executions.ts';
import { leaseOf } from '../fakes.ts';

export type Level = 'inline' | 'process';

/** Where child processes import the behaviours from, and what they export. */
const behavioursUrl = new URL('./behaviours.mjs', import.meta.url).href;
const behaviours = (await import(/* @vite-ignore */ behavioursUrl)) as { both: Handler[]; faulty: Handler[] };

/** The handler of `behaves.NAME`, at a level. */
export function behaviour(name: string, level: Level = 'process'): Handler {
  const found = [...behaviours.both, ...behaviours.faulty].find(
    ({ definition }) => definition.name === `behaves.${name}`,
  )!;
  return level === 'process' ? found : { ...found, isolation: undefined };
}

export interface Ran {
  readonly kind: Outcome['kind'];
  readonly output: unknown;
  readonly error: { readonly code: string; readonly [key: string]: unknown };
  readonly reason: unknown;
  readonly retryInMs: number | undefined;
  readonly report: Report;
}

interface RunOptions {
  readonly level?: Level;
  readonly input?: unknown;
  /** Instead of the handler's own. */
  readonly graceMs?: number;
  readonly lease?: Partial<Lease>;
  readonly submitted?: Partial<SubmittedData>;
  /** Called with each progress, and the attempt that reports it. */
  readonly onProgress?: (progress: Progress, attempt: Attempt) => void;
}

/** Runs one attempt of `behaves.NAME` outside any ledger. */
export async function runBehaviour(name: string, options: RunOptions = {}): Promise<Ran> {
  const { level = 'process', input = null, lease = {}, submitted = {}, onProgress, graceMs } = options;
  const handler = withGrace(behaviour(name, level), graceMs);
  const executions = new Executions(systemClock);
  onTestFinished(() => executions.stop());
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
