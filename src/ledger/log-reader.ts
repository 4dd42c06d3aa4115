import { z } from 'zod';
import type { TaskEvent } from '../events/event.ts';
import { parseLogLine, type LogLine } from '../events/log-line.ts';

/** Lines of an attempt that came to a watcher; `first` is the number of the first of them. */
export interface LogBatch {
  readonly lease: readonly [epoch: number, version: number];
  readonly attempt: number;
  readonly first: number;
  readonly lines: readonly string[];
}

/** A line of the log of an attempt, or how many were too many to be sent. */
export type LogNews =
  | { readonly kind: 'line'; readonly attempt: number; readonly line: LogLine }
  | { readonly kind: 'dropped'; readonly attempt: number; readonly lines: number };

const batchSchema = z.object({
  lease: z.tuple([z.int(), z.int()]),
  attempt: z.int(),
  first: z.int().min(0),
  lines: z.array(z.string()),
});

/** Undefined for what is no batch. */
export function parseLogBatch(payload: string): LogBatch | undefined {
  try {
    return batchSchema.parse(JSON.parse(payload));
  } catch {
    return undefined;
  }
}

/** Makes of batches, some of which come twice or not at all, each line once; the last ones are in the outcome. */
export class LogReader {
  #lease: readonly [epoch: number, version: number] = [0, 0];
  #next = 0;
  #last: string | undefined;

  /** What is new in a batch. */
  read({ lease, attempt, first, lines }: LogBatch): LogNews[] {
    const age = compare(lease, this.#lease);
    if (age < 0) return [];
    if (age > 0) this.#begin(lease);
    const dropped = first - this.#next;
    const fresh = lines.slice(Math.max(0, -dropped));
    this.#next = Math.max(this.#next, first + lines.length);
    this.#last = fresh.at(-1) ?? this.#last;
    const gap: LogNews[] = dropped > 0 ? [{ kind: 'dropped', attempt, lines: dropped }] : [];
    return [...gap, ...told(fresh, attempt)];
  }

  /** What an outcome adds to what was read: the lines after the last one. */
  rest(event: TaskEvent): LogNews[] {
    const { lease, attempt, log_tail } = event.data as Partial<LogBatch> & { readonly log_tail?: readonly string[] };
    if (lease === undefined || log_tail === undefined || compare(lease, this.#lease) < 0) return [];
    const isSame = compare(lease, this.#lease) === 0;
    const known = isSame && this.#last !== undefined ? log_tail.lastIndexOf(this.#last) : -1;
    return told(log_tail.slice(known + 1), attempt ?? 1);
  }

  #begin(lease: LogBatch['lease']): void {
    this.#lease = lease;
    this.#next = 0;
    this.#last = undefined;
  }
}

function told(lines: readonly string[], attempt: number): LogNews[] {
  return lines.map((text) => {
    const line = parseLogLine(text) ?? { at: '', level: 'info', stream: 'log', text };
    return { kind: 'line', attempt, line };
  });
}

function compare(a: LogBatch['lease'], b: LogBatch['lease']): number {
  return a[0] - b[0] || a[1] - b[1];
}
