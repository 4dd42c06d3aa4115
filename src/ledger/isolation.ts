import { LedgerError } from '../errors.ts';

/** Where attempts of a handler run. `inline`: in the runner's event loop. `process`: each in a fresh child process. */
export type IsolationOptions = { readonly isolation?: 'inline' } | ProcessIsolation;

/** One fresh Node process per attempt, ended with everything it started when the attempt ends. */
export interface ProcessIsolation {
  readonly isolation: 'process';
  /** The module that exports the handler: `import.meta.url`, or `__filename`. The child process imports it. */
  readonly module: string;
  /** Environment variables the child sees besides PATH, HOME, TZ, LANG and NODE_ENV, by name. */
  readonly env?: readonly string[];
  /** How long the handler may take to end after its signal aborted, milliseconds. Default 5000; then its process is ended. */
  readonly graceMs?: number;
}

/** Longest grace: a stopped attempt holds its place in the runner for that long. */
const MAX_GRACE_MS = 3_600_000;

/**
 * Names no child gets, listed or not: the first opens the ledger, the second runs any code before ours, and the last two
 * are ours to set.
 */
const neverPassed: readonly string[] = ['TASKLEDGER_DATABASE_URL', 'NODE_OPTIONS', 'TMPDIR', 'taskledger_attempt'];

/**
 * The isolation of a handler as given; undefined is inline.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION
 */
export function requireIsolation(name: string, options: IsolationOptions): ProcessIsolation | undefined {
  // Users of JavaScript may pass anything.
  const level: unknown = options.isolation;
  if (level === undefined || level === 'inline') return undefined;
  if (options.isolation !== 'process') throw invalid(name, 'isolation to be inline or process', JSON.stringify(level));
  const { module, env = [], graceMs = 0 }: { module: unknown; env?: readonly unknown[]; graceMs?: unknown } = options;
  if (typeof module !== 'string' || !/^(file:|[/\\]|[A-Za-z]:[/\\])/.test(module)) {
    throw invalid(name, 'module to be import.meta.url or __filename of the module that exports it', typeof module);
  }
  const wrong = env.find((one) => typeof one !== 'string' || !/^\w+$/.test(one) || neverPassed.includes(one));
  if (wrong !== undefined) {
    throw invalid(
      name,
      `env to list names of variables, and none of ${neverPassed.join(', ')}`,
      typeof wrong === 'string' ? wrong : typeof wrong,
    );
  }
  if (typeof graceMs !== 'number' || !(graceMs >= 0 && graceMs <= MAX_GRACE_MS)) {
    throw invalid(name, `graceMs from 0 to ${MAX_GRACE_MS}`, String(graceMs));
  }
  return options;
}

function invalid(name: string, expected: string, found: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `the handler of ${name} with ${expected}`,
    found,
    remedy: 'Correct the second argument of handle()',
  });
}
