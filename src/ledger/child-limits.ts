import { z } from 'zod';
import { LedgerError } from '../errors.ts';
import { durationMs, type Duration } from './duration.ts';
import { sizeBytes, type Size } from './size.ts';

/** What can be limited of an attempt in a child process, beside its time (`timeout` of the task). */
export const limitNames = ['cpu', 'memory', 'files', 'processes', 'output', 'disk', 'network', 'user'] as const;
export type LimitName = (typeof limitNames)[number];

/** Limits as a handler, a manifest or an operator says them. */
export interface LimitOptions {
  /** Processor time of the attempt, all its processes together. */
  readonly cpu?: Duration;
  /** Memory of all its processes together. */
  readonly memory?: Size;
  /** Files, sockets and pipes that one process has open at the same time. */
  readonly files?: number;
  /** Processes and threads at the same time, as Linux counts them together: a Node process alone takes about 12. */
  readonly processes?: number;
  /** What it prints on stdout and stderr together. */
  readonly output?: Size;
  /** What its own directory (working directory and TMPDIR) holds; each file counts 4 KB at least. */
  readonly disk?: Size;
  /** `none`: it reaches no network, not even this machine's own. */
  readonly network?: 'none';
  /** The user its processes run as; the runner must be root. */
  readonly user?: string;
  /** Those of them without which it must not run: a runner that cannot hold an attempt to one of these does not start. */
  readonly required?: readonly LimitName[];
}

/** Limits in plain numbers. */
export interface ChildLimits {
  readonly cpuMs?: number | undefined;
  readonly memoryBytes?: number | undefined;
  readonly files?: number | undefined;
  readonly processes?: number | undefined;
  readonly outputBytes?: number | undefined;
  readonly diskBytes?: number | undefined;
  readonly network?: 'none' | undefined;
  readonly user?: string | undefined;
  readonly required: readonly LimitName[];
}

const aWeekMs = 604_800_000;

function measured(
  read: (value: number | string, what: string) => number,
  what: string,
  range: { readonly min: number; readonly max: number; readonly told: string },
): z.ZodType<number> {
  return z.union([z.number(), z.string()]).transform((value, context) => {
    try {
      const amount = read(value, what);
      if (amount >= range.min && amount <= range.max) return amount;
      context.addIssue(`expected ${range.told}`);
    } catch {
      context.addIssue(`expected ${range.told}`);
    }
    return z.NEVER;
  });
}

const size = (what: string, least: string): z.ZodType<number> =>
  measured(sizeBytes, what, { min: sizeBytes(least, what), max: 2 ** 50, told: `${least} or more, such as 512MB` });

/** Limits as they stand in options, manifests and on the command line; becomes numbers. */
export const limitsSchema = z
  .strictObject({
    cpu: measured(durationMs, 'cpu', { min: 10, max: aWeekMs, told: 'a duration from 10ms to 7d' }).optional(),
    memory: size('memory', '1MB').optional(),
    files: z.int().min(8).max(1_048_576).optional(),
    processes: z.int().min(1).max(100_000).optional(),
    output: size('output', '1KB').optional(),
    disk: size('disk', '4KB').optional(),
    network: z.literal('none').optional(),
    user: z
      .string()
      .regex(/^[A-Za-z_][\w.-]*\$?$/, 'expected the name of a user')
      .optional(),
    required: z.array(z.enum(limitNames)).default([]),
  })
  .superRefine((limits, context) => {
    for (const [i, name] of limits.required.entries()) {
      if (limits[name] === undefined)
        context.addIssue({ code: 'custom', path: ['required', i], message: `${name} is not limited` });
    }
  })
  .transform(({ cpu, memory, output, disk, ...rest }): ChildLimits => ({
    ...rest,
    cpuMs: cpu,
    memoryBytes: memory,
    outputBytes: output,
    diskBytes: disk,
  }));

const known = new WeakMap<LimitOptions, ChildLimits>();

/**
 * Limits in numbers.
 * @param what whose they are, such as `the handler of reports.make`
 * @throws LedgerError TASKLEDGER_INVALID_OPTION naming every problem
 */
export function childLimits(options: LimitOptions, what: string): ChildLimits {
  const before = known.get(options);
  if (before !== undefined) return before;
  const read = limitsSchema.safeParse(options);
  if (!read.success) throw invalid(read.error, what);
  known.set(options, read.data);
  return read.data;
}

/** What both allow: the lower of each number, and whatever only one of them says. The operator's user goes first. */
export function stricterLimits(own: ChildLimits | undefined, caps: ChildLimits | undefined): ChildLimits | undefined {
  if (own === undefined || caps === undefined) return own ?? caps;
  const least = (
    name: 'cpuMs' | 'memoryBytes' | 'files' | 'processes' | 'outputBytes' | 'diskBytes',
  ): number | undefined =>
    own[name] === undefined || caps[name] === undefined ? (own[name] ?? caps[name]) : Math.min(own[name], caps[name]);
  return {
    cpuMs: least('cpuMs'),
    memoryBytes: least('memoryBytes'),
    files: least('files'),
    processes: least('processes'),
    outputBytes: least('outputBytes'),
    diskBytes: least('diskBytes'),
    network: own.network ?? caps.network,
    user: caps.user ?? own.user,
    required: limitNames.filter((name) => own.required.includes(name) || caps.required.includes(name)),
  };
}

function invalid(error: z.ZodError, what: string): LedgerError {
  const problems = error.issues.map(({ path, message }) => `${['limits', ...path].join('.')}: ${message}`);
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `${what} to have limits that can be understood`,
    found: problems.join('; '),
    remedy: 'Correct them; docs/guides/isolation.md lists what can be limited',
  });
}
