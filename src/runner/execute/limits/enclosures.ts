import { chmodSync, chownSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { Clock } from '../../../clock.ts';
import type { ChildLimits } from '../../../ledger/child-limits.ts';
import { accountNamed } from './account.ts';
import { CgroupHome } from './cgroup-home.ts';
import { Enclosure } from './enclosure.ts';
import type { Layers } from './layers.ts';
import { ProcessTrees } from './process-trees.ts';
import { giveSize, isSized, takeSize } from './sized-directory.ts';

interface EnclosuresOptions {
  /** Unlike that of any other runner. */
  readonly name: string;
  readonly clock: Clock;
  /** What the machine offers; asked when it is needed for the first time. */
  readonly layers: () => Promise<Layers>;
  /** Control groups are made there from now on. */
  readonly onHome: (directory: string) => void;
}

/** What holds the children of one runner to their limits. Costs nothing while none has any. */
export class Enclosures {
  readonly #options: EnclosuresOptions;
  readonly #trees: ProcessTrees;
  readonly #sized = new Set<string>();
  #home: CgroupHome | undefined;

  constructor(options: EnclosuresOptions) {
    this.#options = options;
    this.#trees = new ProcessTrees(options.clock);
  }

  /**
   * For one child, before it is started.
   * @throws whatever the kernel says
   */
  async make(limits: ChildLimits, directory: string, warm: boolean): Promise<Enclosure> {
    const layers = await this.#options.layers();
    const home = this.#homeIn(layers);
    const { clock } = this.#options;
    const enclosure = new Enclosure({ limits, layers, home, warm, trees: this.#trees, clock });
    giveTo(directory, limits.user);
    return enclosure;
  }

  /**
   * Fits the directory of an attempt: whose it is, and how much it holds.
   * @throws whatever the kernel says
   */
  async fit(directory: string, limits: ChildLimits, warm: boolean): Promise<void> {
    const layers = await this.#options.layers();
    const { diskBytes, user } = limits;
    if (diskBytes !== undefined && !warm && isSized(limits, layers)) {
      await giveSize(directory, diskBytes, user === undefined ? undefined : accountNamed(user));
      this.#sized.add(directory);
    }
    giveTo(directory, user);
  }

  /** What `fit` did is undone. */
  async release(directory: string): Promise<void> {
    if (this.#sized.delete(directory)) await takeSize(directory);
  }

  /** Nothing is held any more. */
  close(): void {
    this.#home?.remove();
    this.#home = undefined;
  }

  #homeIn({ hierarchies }: Layers): CgroupHome | undefined {
    if (hierarchies.length === 0) return undefined;
    if (this.#home === undefined) {
      this.#home = new CgroupHome(hierarchies, this.#options.name);
      for (const directory of this.#home.directories) this.#options.onHome(directory);
    }
    return this.#home;
  }
}

/** A directory and the files in it. Others may pass through the one it lies in, and see nothing of it. */
function giveTo(directory: string, user: string | undefined): void {
  const account = user === undefined ? undefined : accountNamed(user);
  if (account === undefined) return;
  chmodSync(path.dirname(directory), 0o711);
  for (const name of ['.', ...readdirSync(directory)]) chownSync(path.join(directory, name), account.uid, account.gid);
}
