import { constants as system } from 'node:os';
import type { Clock } from '../../../clock.ts';
import type { ChildLimits } from '../../../ledger/child-limits.ts';
import type { Exit } from '../exit.ts';
import { accountNamed, type Account } from './account.ts';
import type { Cgroup } from './cgroup.ts';
import type { CgroupHome } from './cgroup-home.ts';
import { launched, type Command } from './launcher.ts';
import type { Layers } from './layers.ts';
import { LimitWatch, type LimitWatchOptions } from './limit-watch.ts';
import type { ProcessTrees } from './process-trees.ts';
import { programFile } from './program-file.ts';
import { isSized } from './sized-directory.ts';

/** By which number a shell says that a signal ended what it waited for: that much more than the signal's own. */
const shellSignalsFrom = 128;

interface EnclosureOptions {
  readonly limits: ChildLimits;
  readonly layers: Layers;
  readonly home: CgroupHome | undefined;
  /** The process runs one attempt after the other. */
  readonly warm: boolean;
  readonly trees: ProcessTrees;
  readonly clock: Clock;
}

/** What one child is held by, from before its start until nothing of it is left. */
export class Enclosure {
  readonly limits: ChildLimits;
  readonly account: Account | undefined;
  /** Undefined where the machine has none. */
  readonly cgroup: Cgroup | undefined;
  readonly #options: EnclosureOptions;
  readonly #isSized: boolean;

  /** @throws whatever the kernel says of its control groups */
  constructor(options: EnclosureOptions) {
    const { limits, layers, home, warm } = options;
    this.#options = options;
    this.limits = limits;
    this.account = limits.user === undefined ? undefined : accountNamed(limits.user);
    // What lies in a directory of memory counts as memory: it is allowed on top.
    this.#isSized = !warm && isSized(limits, layers);
    const extraBytes = this.#isSized ? (limits.diskBytes ?? 0) : 0;
    const { memoryBytes } = limits;
    this.cgroup = home?.make({ ...limits, memoryBytes: memoryBytes && memoryBytes + extraBytes });
  }

  /**
   * What to start instead of a program.
   * @throws as a start of the program itself would, if there is none
   */
  command({ file, args }: Command, env: NodeJS.ProcessEnv): Command {
    const found = programFile(file, env['PATH'] ?? '');
    const { limits, layers, warm } = this.#options;
    return launched({ file: found, args }, { limits, layers, warm, cgroup: this.cgroup, account: this.account });
  }

  /** How the program ended, as told by the process that was started instead of it. */
  exitOf(exit: Exit): Exit {
    const number = (exit.code ?? 0) - shellSignalsFrom;
    const { namespace } = this.#options.layers;
    if (namespace === undefined || number <= 0) return exit;
    const signal = Object.entries(system.signals).find(([, value]) => value === number)?.[0];
    return signal === undefined ? exit : { code: null, signal: signal as NodeJS.Signals };
  }

  /** Processes in it that the runner can name; none where there are no control groups. */
  members(): number[] {
    return this.cgroup?.members() ?? [];
  }

  /** Watches one attempt of the child. */
  watch(attempt: Pick<LimitWatchOptions, 'pid' | 'directory' | 'onHit'>): LimitWatch {
    const { trees, clock } = this.#options;
    const { limits, cgroup } = this;
    return new LimitWatch({ ...attempt, limits, cgroup, sized: this.#isSized, trees, clock });
  }

  /** The child is gone. */
  close(): void {
    if (this.cgroup !== undefined) this.#options.home?.drop(this.cgroup);
  }
}
