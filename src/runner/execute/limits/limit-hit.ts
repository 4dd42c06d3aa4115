import type { ChildLimits } from '../../../ledger/child-limits.ts';
import { sizeText } from '../../../ledger/size.ts';
import type { AttemptErrorCode } from '../../attempt-error-codes.ts';
import type { Exit } from '../exit.ts';

export type LimitCode = Extract<AttemptErrorCode, `${string}_LIMIT`>;

/** A limit that an attempt has met: the code of its failure, and what there is to say. */
export interface LimitHit {
  readonly code: LimitCode;
  readonly message: string;
}

/** What the kernel counted of an attempt. */
interface Noted {
  readonly outOfMemoryKills: number;
  readonly refusedStarts: number;
  readonly cpuMs: number;
}

export const limitHits = {
  cpu: (ms: number): LimitHit => hit('CPU_LIMIT', `more processor time than its limit of ${ms / 1000} s`),
  memory: (bytes: number): LimitHit => hit('MEMORY_LIMIT', `more memory than its limit of ${sizeText(bytes)}`),
  processes: (count: number): LimitHit => hit('PROCESS_LIMIT', `more processes and threads than its limit of ${count}`),
  output: (bytes: number): LimitHit => hit('OUTPUT_LIMIT', `more output than its limit of ${sizeText(bytes)}`),
  disk: (bytes: number): LimitHit => hit('DISK_LIMIT', `more temporary disk than its limit of ${sizeText(bytes)}`),
} as const;

function hit(code: LimitCode, what: string): LimitHit {
  return { code, message: `the attempt took ${what}, and was ended` };
}

/** Which limit ended a child that the runner did not end, by what the kernel counted and by the signal. */
export function limitThatEnded(limits: ChildLimits, noted: Noted, exit: Exit): LimitHit | undefined {
  const { memoryBytes, processes, cpuMs, diskBytes } = limits;
  if (memoryBytes !== undefined && noted.outOfMemoryKills > 0) return limitHits.memory(memoryBytes);
  if (cpuMs !== undefined && (exit.signal === 'SIGXCPU' || (exit.signal === 'SIGKILL' && noted.cpuMs >= cpuMs)))
    return limitHits.cpu(cpuMs);
  if (diskBytes !== undefined && exit.signal === 'SIGXFSZ') return limitHits.disk(diskBytes);
  if (processes !== undefined && noted.refusedStarts > 0) return limitHits.processes(processes);
  return undefined;
}

/** How programs say that they were refused something; what their own words are is theirs. */
const words: readonly (readonly [keyof ChildLimits, LimitCode, RegExp])[] = [
  ['diskBytes', 'DISK_LIMIT', /\b(ENOSPC|EDQUOT|EFBIG)\b|No space left on device|File too large/i],
  ['files', 'FILE_LIMIT', /\bE[MN]FILE\b|Too many open files/i],
  [
    'memoryBytes',
    'MEMORY_LIMIT',
    /heap out of memory|Array buffer allocation failed|\bMemoryError\b|\bENOMEM\b|Cannot allocate memory/i,
  ],
  [
    'processes',
    'PROCESS_LIMIT',
    /spawn\w* .*\bEAGAIN\b|Cannot fork|can't start new thread|Resource temporarily unavailable/i,
  ],
];

/** The limit a program complains of, if there is one. */
export function limitComplainedOf(limits: ChildLimits, text: string): LimitCode | undefined {
  return words.find(([limit, , pattern]) => limits[limit] !== undefined && pattern.test(text))?.[1];
}
