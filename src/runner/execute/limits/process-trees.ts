import type { Clock } from '../../../clock.ts';
import { processTable, type ProcessEntry } from '../process-tree.ts';

/** A look at all processes serves everybody who asks within that time. */
const freshMs = 100;
const msPerTick = 10;
const bytesPerPage = 4096;

/** What a child and all it started use now. */
export interface TreeUse {
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** Processes and threads together. */
  readonly tasks: number;
}

/** Looks at the processes of this machine for all children of a runner that no control group counts. */
export class ProcessTrees {
  readonly #clock: Clock;
  #table: readonly ProcessEntry[] = [];
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param known numbers of processes that were seen in the tree before, which is added to: one whose parents have ended is
   *   not found by them any more
   */
  use(pid: number, known: Set<number>): TreeUse {
    const members = membersOf(this.#look(), pid, known);
    known.clear();
    for (const one of members) known.add(one.pid);
    const sum = (of: (one: ProcessEntry) => number): number => members.reduce((total, one) => total + of(one), 0);
    return {
      cpuMs: sum(({ ticks }) => ticks) * msPerTick,
      rssBytes: sum(({ rssPages }) => rssPages) * bytesPerPage,
      tasks: sum(({ threads }) => threads),
    };
  }

  #look(): readonly ProcessEntry[] {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#lookedAtMs >= freshMs) {
      this.#table = processTable();
      this.#lookedAtMs = nowMs;
    }
    return this.#table;
  }
}

function membersOf(table: readonly ProcessEntry[], pid: number, known: ReadonlySet<number>): ProcessEntry[] {
  const found = new Set<number>([pid]);
  // Children may be numbered before their parents: until a look finds nobody new.
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const one of table) {
      if (one.group === pid || known.has(one.pid) || found.has(one.parent)) found.add(one.pid);
    }
  }
  return table.filter((one) => found.has(one.pid));
}
