import { LedgerError } from '../errors.ts';
import { childLimits, stricterLimits, type ChildLimits, type LimitOptions } from './child-limits.ts';
import { refuseUnknownOptions } from './known-options.ts';
import type { PluginProgram } from './plugin-program.ts';

/**
 * Where attempts of a handler run. `inline`: in the runner's event loop. `pool`: in a warm child process, which runs one
 * attempt after the other. `process`: each in a fresh child process.
 */
export type IsolationOptions = { readonly isolation?: 'inline' } | ProcessIsolation | PoolIsolation;

/** The levels whose attempts run in child processes, for a handler in a module or a program of a plugin. */
export type ChildIsolation = ProcessIsolation | PoolIsolation | PluginIsolation;

interface InChild {
  /** How long the handler may take to end after its signal aborted, milliseconds. Default 5000; then its process is ended. */
  readonly graceMs?: number;
  /** What an attempt may use. Left out: whatever the machine has, or the operator allows. */
  readonly limits?: LimitOptions;
}

interface InModule extends InChild {
  /** The module that exports the handler: `import.meta.url`, or `__filename`. The child process imports it. */
  readonly module: string;
  /** Environment variables the child sees besides PATH, HOME, TZ, LANG and NODE_ENV, by name. */
  readonly env?: readonly string[];
}

/** One fresh Node process per attempt, ended with everything it started when the attempt ends. */
export interface ProcessIsolation extends InModule {
  readonly isolation: 'process';
}

/** Node processes that run many attempts, one at a time. Handlers with the same module, `env` and limits share them. */
export interface PoolIsolation extends InModule, PoolLimits {
  readonly isolation: 'pool';
}

/** A task of a plugin: made from its manifest, and not accepted from whoever calls `handle()`. `exec` has no pool. */
export type PluginIsolation = PluginProcess | PluginPool;

interface PluginProcess extends InChild {
  readonly isolation: 'process';
  readonly program: PluginProgram;
}

interface PluginPool extends InChild, PoolLimits {
  readonly isolation: 'pool';
  readonly program: PluginProgram;
}

/** How many warm processes there are, and how long each of them lasts. What is over a limit goes between attempts. */
export interface PoolLimits {
  /** Processes that are started with the runner, and kept however long they have nothing to do. Default 1. */
  readonly warm?: number;
  /** Attempts one process runs. Default 1000. */
  readonly maxTasks?: number;
  /** How long one process lives, milliseconds. Default an hour. */
  readonly maxAgeMs?: number;
  /** The memory (RSS) with which a process runs another attempt, megabytes of 2^20 bytes. Default 512. */
  readonly maxRssMb?: number;
  /** How long a process beyond `warm` is kept without anything to do, milliseconds. Default a minute. */
  readonly idleMs?: number;
}

/** What is left out. */
export const poolDefaults: Required<PoolLimits> = {
  warm: 1,
  maxTasks: 1000,
  maxAgeMs: 3_600_000,
  maxRssMb: 512,
  idleMs: 60_000,
};

/** Longest grace: a stopped attempt holds its place in the runner for that long. */
export const MAX_GRACE_MS = 3_600_000;
const aWeekMs = 604_800_000;

/** Every limit there is, and its range. */
export const poolRanges: Readonly<Record<keyof PoolLimits, readonly [min: number, max: number]>> = {
  warm: [0, 1000],
  maxTasks: [1, 100_000],
  maxAgeMs: [100, aWeekMs],
  maxRssMb: [32, 1_048_576],
  idleMs: [0, aWeekMs],
};

const inChild = ['isolation', 'module', 'env', 'graceMs', 'limits'] as const;
const known = {
  process: new Set<string>(inChild),
  pool: new Set<string>([...inChild, ...Object.keys(poolRanges)]),
};

/**
 * Names no child gets, listed or not: the first opens the ledger, the next four run any code before ours, and the last two
 * are ours to set.
 */
export const neverPassed: readonly string[] = [
  'TASKLEDGER_DATABASE_URL',
  'NODE_OPTIONS',
  'PYTHONPATH',
  'PYTHONHOME',
  'LD_PRELOAD',
  'TMPDIR',
  'taskledger_attempt',
];

/**
 * The isolation of a handler as given; undefined is inline.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION
 */
export function requireIsolation(
  name: string,
  options: IsolationOptions,
): ProcessIsolation | PoolIsolation | undefined {
  // Users of JavaScript may pass anything.
  const level: unknown = options.isolation;
  if (level === undefined || level === 'inline') return undefined;
  if (options.isolation !== 'process' && options.isolation !== 'pool') {
    throw invalid(name, 'isolation to be inline, pool or process', JSON.stringify(level));
  }
  refuseUnknownOptions(options, known[options.isolation], `isolation ${options.isolation}`);
  requireInChild(name, options);
  if (options.isolation === 'pool') requirePoolLimits(name, options);
  if (options.limits !== undefined) childLimits(options.limits, `the handler of ${name}`);
  return options;
}

function requireInChild(name: string, options: ProcessIsolation | PoolIsolation): void {
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
}

function requirePoolLimits(name: string, options: PoolIsolation): void {
  for (const [limit, [min, max]] of Object.entries(poolRanges)) {
    const value: unknown = options[limit as keyof PoolLimits];
    if (value === undefined || (Number.isInteger(value) && Number(value) >= min && Number(value) <= max)) continue;
    const found = typeof value === 'number' ? String(value) : typeof value;
    throw invalid(name, `${limit} to be a whole number from ${min} to ${max}`, found);
  }
}

function invalid(name: string, expected: string, found: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `the handler of ${name} with ${expected}`,
    found,
    remedy: 'Correct the second argument of handle()',
  });
}

/** What attempts of a handler may use: what it says itself, and what the operator allows. Undefined: anything. */
export function limitsOf(isolation: ChildIsolation, caps: ChildLimits | undefined): ChildLimits | undefined {
  const { limits } = isolation;
  return stricterLimits(limits && childLimits(limits, 'a handler'), caps);
}
