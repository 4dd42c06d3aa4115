import { LedgerError } from '../errors.ts';
import { siteNamePattern } from '../events/names.ts';
import { childLimits, type LimitOptions } from '../ledger/child-limits.ts';
import type { Handler } from '../ledger/define-task.ts';
import { isHandler } from '../ledger/is-handler.ts';
import { refuseUnknownOptions, requireInteger } from '../ledger/known-options.ts';
import { requireConnectionString } from '../postgres/connection-string.ts';

export interface RunnerOptions {
  /** Handlers of this program's own modules. */
  readonly handlers?: readonly Handler[] | undefined;
  /** Directories of plugins: each with a manifest, or with directories that have one. See docs/guides/plugins.md. */
  readonly plugins?: readonly string[] | undefined;
  /** Attempts that run at the same time. Default 10. */
  readonly concurrency?: number | undefined;
  /** Only tasks of these queues. Default: all queues. */
  readonly queues?: readonly string[] | undefined;
  /** Shown in the history of every task it ran. Default: host name, process id and a random part. */
  readonly name?: string | undefined;
  /** How long a lease lasts without a renewal, milliseconds. Default 15 000. */
  readonly leaseTtlMs?: number | undefined;
  /** Connections for claiming and settling. Default 3; two more listen and keep leases. */
  readonly connections?: number | undefined;
  /** Most leases taken, or outcomes recorded, by one statement. Default 500. */
  readonly maxBatch?: number | undefined;
  /** Whether short tasks may be leased before there is a free place for them. Default true. */
  readonly prefetch?: boolean | undefined;
  /** How often to look without being woken, milliseconds. Default 250. */
  readonly pollMs?: number | undefined;
  /** How long `stop` lets running attempts finish, milliseconds. Default 10 000. */
  readonly drainMs?: number | undefined;
  /** How long a verify handler may take to answer, milliseconds. Default 30 000. */
  readonly verifyTimeoutMs?: number | undefined;
  /**
   * What every attempt in a child process is held to, however much its handler allows itself. Of what only one of the two
   * says, that counts. Nothing holds handlers that run inline.
   */
  readonly limits?: LimitOptions | undefined;
  /**
   * Connection strings of other sites, by name. Their tasks are leased while the runner's own site has nothing to do, or does
   * not answer, from the database that owns them. The same list may be given at every site: the own one is passed over.
   */
  readonly sites?: Readonly<Record<string, string>> | undefined;
}

/** What is left out. */
export const runnerDefaults = {
  concurrency: 10,
  leaseTtlMs: 15_000,
  connections: 3,
  maxBatch: 500,
  pollMs: 250,
  drainMs: 10_000,
  verifyTimeoutMs: 30_000,
} as const;

const aDayMs = 86_400_000;
const longestVerifyMs = 3_500_000;
const longestDrainMs = 30 * aDayMs;
/** A lease shorter than that is lost to the first pause of a garbage collector. */
const shortestLeaseMs = 100;

/** Every option there is (the compiler sees to it that none is forgotten), and the range of those that are numbers. */
const ranges: Readonly<Record<keyof RunnerOptions, readonly [min: number, max: number] | undefined>> = {
  handlers: undefined,
  plugins: undefined,
  concurrency: [1, 10_000],
  queues: undefined,
  name: undefined,
  leaseTtlMs: [shortestLeaseMs, aDayMs],
  connections: [1, 100],
  maxBatch: [1, 10_000],
  prefetch: undefined,
  pollMs: [1, aDayMs],
  drainMs: [0, longestDrainMs],
  verifyTimeoutMs: [100, longestVerifyMs],
  limits: undefined,
  sites: undefined,
};
const known: ReadonlySet<string> = new Set(Object.keys(ranges));

/** @throws LedgerError TASKLEDGER_INVALID_OPTION, TASKLEDGER_HANDLERS_INVALID, TASKLEDGER_INVALID_URL */
export function requireRunnerOptions(options: RunnerOptions): void {
  refuseUnknownOptions(options, known, 'runner');
  for (const [option, range] of Object.entries(ranges)) {
    const value = options[option as keyof RunnerOptions];
    if (range !== undefined && value !== undefined) requireInteger(value, option, { min: range[0], max: range[1] });
  }
  // JavaScript callers pass whatever they have.
  const {
    name,
    prefetch,
    queues,
    handlers = [],
    plugins = [],
    sites,
  }: Partial<Record<string, unknown>> = { ...options };
  if (!isAbsentOr(name, 'string') || name === '') throw wrong('name to be text', name);
  if (!isAbsentOr(prefetch, 'boolean')) throw wrong('prefetch to be true or false', prefetch);
  if (queues !== undefined && !isTexts(queues)) throw wrong('queues to be an array of queue names', queues);
  if (!isTexts(plugins)) throw wrong('plugins to be an array of directories', plugins);
  if (sites !== undefined) requireSites(sites);
  if (options.limits !== undefined) childLimits(options.limits, 'the runner');
  if (!Array.isArray(handlers) || !handlers.every(isHandler)) throw wrongHandlers(handlers);
}

function requireSites(sites: unknown): void {
  if (typeof sites !== 'object' || sites === null || Array.isArray(sites)) {
    throw wrong("sites to be an object such as { fra: 'postgres://…' }", sites);
  }
  for (const [name, url] of Object.entries(sites) as [string, unknown][]) {
    if (!siteNamePattern.test(name)) throw wrong(`sites to be named ${siteNamePattern.source}`, name);
    if (typeof url !== 'string') throw wrong('each of sites to be a connection string', url);
    requireConnectionString(url);
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function isAbsentOr(value: unknown, type: 'string' | 'boolean'): boolean {
  return value === undefined || typeof value === type;
}

function wrong(expected: string, value: unknown): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected,
    found: value === '' ? 'none' : value === null ? 'null' : `a ${typeof value}`,
    remedy: 'Correct it, or leave it out for the default',
  });
}

function wrongHandlers(handlers: unknown): LedgerError {
  return new LedgerError('TASKLEDGER_HANDLERS_INVALID', {
    expected: 'handlers to be an array of what definition.handle(…) returns',
    found: Array.isArray(handlers) ? 'something else among them' : 'no array',
    remedy: 'Pass handlers: [definition.handle(async ({ input }) => …)]',
  });
}
