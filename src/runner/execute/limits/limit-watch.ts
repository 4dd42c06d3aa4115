import type { Clock } from '../../../clock.ts';
import type { ChildLimits } from '../../../ledger/child-limits.ts';
import type { Exit } from '../exit.ts';
import type { Usage } from '../execution.ts';
import { diskUse } from './disk-use.ts';
import type { Cgroup, Counted } from './cgroup.ts';
import { limitHits, limitThatEnded, type LimitHit } from './limit-hit.ts';
import type { ProcessTrees, TreeUse } from './process-trees.ts';

/** How often the runner looks at what the kernel does not hold by itself. */
export const lookEveryMs = 250;
/** Looking into a directory takes no more than that share of the time. */
const diskShare = 0.3;
/** Of the launcher: it is not counted against the limit. */
const launcherTasks = 3;

export interface LimitWatchOptions {
  readonly limits: ChildLimits;
  /** Undefined where there is none, and the processes themselves are looked at. */
  readonly cgroup: Cgroup | undefined;
  readonly pid: number;
  /** The attempt's own. */
  readonly directory: string;
  /** The kernel gives the directory its size. */
  readonly sized: boolean;
  readonly trees: ProcessTrees;
  readonly clock: Clock;
  /** A limit was met: called once. The child is to be ended. */
  readonly onHit: () => void;
}

/** What one attempt uses of what it may: looked at now and then, and once more when its child is gone. */
export class LimitWatch {
  readonly #options: LimitWatchOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #known = new Set<number>();
  #before = { cpuMs: 0, kills: 0, refused: 0 };
  #use: TreeUse | undefined;
  #peakBytes = 0;
  #printedBytes = 0;
  #hit: LimitHit | undefined;
  #lookIntoDiskAtMs = 0;
  #stopped = false;

  constructor(options: LimitWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#check(), lookEveryMs);
  }

  /** The limit that was met, if one was. */
  get hit(): LimitHit | undefined {
    return this.#hit;
  }

  /** What the child has used and met so far is not this attempt's. */
  forget(): void {
    this.#look();
    const { outOfMemoryKills, refusedStarts } = this.#counted;
    this.#before = { cpuMs: this.#cpuMs(), kills: outOfMemoryKills, refused: refusedStarts };
  }

  /** The attempt printed something. */
  printed(bytes: number): void {
    const { outputBytes } = this.#options.limits;
    this.#printedBytes += bytes;
    if (outputBytes !== undefined && this.#printedBytes > outputBytes) this.#meet(limitHits.output(outputBytes));
  }

  /** What all processes of the attempt have used. */
  usage(): Usage {
    const bytes = this.#counted.peakBytes ?? this.#peakBytes;
    return { cpu_ms: Math.round(this.#cpuMs() - this.#before.cpuMs), max_rss_bytes: Math.round(bytes) };
  }

  /** Looks no more. The child has ended like this, or goes on to another attempt. */
  end(exit: Exit): void {
    clearInterval(this.#timer);
    this.#stopped = true;
    const { limits } = this.#options;
    this.#hit ??= limitThatEnded(limits, { ...this.#noted(), cpuMs: this.#cpuMs() - this.#before.cpuMs }, exit);
  }

  #check(): void {
    this.#look();
    const { limits, cgroup } = this.#options;
    const { cpuMs, memoryBytes, processes } = limits;
    const noted = this.#noted();
    if (cpuMs !== undefined && this.#cpuMs() - this.#before.cpuMs > cpuMs) this.#meet(limitHits.cpu(cpuMs));
    const heldBytes = this.#counted.heldBytes ?? this.#use?.rssBytes ?? 0;
    if (memoryBytes !== undefined && (noted.outOfMemoryKills > 0 || heldBytes > memoryBytes))
      this.#meet(limitHits.memory(memoryBytes));
    const tasks = cgroup?.limitsProcesses === true ? 0 : (this.#use?.tasks ?? 0) - launcherTasks;
    if (processes !== undefined && (noted.refusedStarts > 0 || tasks > processes))
      this.#meet(limitHits.processes(processes));
    void this.#checkDisk();
  }

  /** Not again at once after it took long: a directory may be large. */
  async #checkDisk(): Promise<void> {
    const { directory, sized, clock, limits } = this.#options;
    const { diskBytes } = limits;
    const beganAtMs = clock.monotonic();
    if (diskBytes === undefined || sized || beganAtMs < this.#lookIntoDiskAtMs) return;
    this.#lookIntoDiskAtMs = Number.POSITIVE_INFINITY;
    if ((await diskUse(directory, diskBytes)) > diskBytes) this.#meet(limitHits.disk(diskBytes));
    const nowMs = clock.monotonic();
    this.#lookIntoDiskAtMs = nowMs + (nowMs - beganAtMs) / diskShare;
  }

  #look(): void {
    const { cgroup, pid, trees } = this.#options;
    // Reading /proc costs more than reading a control group; it is done only for what no group counts.
    if (cgroup?.countsAll === true) return;
    this.#use = trees.use(pid, this.#known);
    this.#peakBytes = Math.max(this.#peakBytes, this.#use.rssBytes);
  }

  get #counted(): Pick<Counted, 'outOfMemoryKills' | 'refusedStarts'> & Partial<Counted> {
    return this.#options.cgroup?.counted() ?? { outOfMemoryKills: 0, refusedStarts: 0 };
  }

  #cpuMs(): number {
    return this.#counted.cpuMs ?? this.#use?.cpuMs ?? 0;
  }

  #noted(): { readonly outOfMemoryKills: number; readonly refusedStarts: number } {
    const { outOfMemoryKills, refusedStarts } = this.#counted;
    return {
      outOfMemoryKills: outOfMemoryKills - this.#before.kills,
      refusedStarts: refusedStarts - this.#before.refused,
    };
  }

  #meet(hit: LimitHit): void {
    if (this.#stopped || this.#hit !== undefined) return;
    this.#hit = hit;
    this.#options.onHit();
  }
}
