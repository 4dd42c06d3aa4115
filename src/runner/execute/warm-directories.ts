import { readdirSync, statSync, type BigIntStats } from 'node:fs';
import type { ChildLimits } from '../../ledger/child-limits.ts';
import type { ChildPlace } from './child-place.ts';

interface Made {
  readonly directory: string;
  readonly stats: BigIntStats;
}

/**
 * The directories of the attempts in one warm child, which runs one at a time. What an attempt leaves as it was made is the
 * next one's: while a database writes to the same disk, to make a directory and to remove it takes longer than a short attempt.
 */
export class WarmDirectories {
  readonly #place: ChildPlace;
  readonly #limits: ChildLimits | undefined;
  #made: Made | undefined;
  #isTaken = false;
  #isOver = false;

  constructor(place: ChildPlace, limits: ChildLimits | undefined) {
    this.#place = place;
    this.#limits = limits;
  }

  /**
   * One for an attempt, empty.
   * @throws AttemptFailure CHILD_DIRECTORY_FAILED
   */
  async take(): Promise<string> {
    if (this.#made !== undefined && !isUntouched(this.#made)) await this.#remove();
    this.#made ??= await this.#make();
    this.#isTaken = true;
    return this.#made.directory;
  }

  /** The attempt is over. */
  async giveBack(): Promise<void> {
    this.#isTaken = false;
    if (this.#made !== undefined && (this.#isOver || !isUntouched(this.#made))) await this.#remove();
  }

  /** The child is gone, or is to go. */
  async close(): Promise<void> {
    this.#isOver = true;
    if (!this.#isTaken) await this.#remove();
  }

  async #make(): Promise<Made> {
    const directory = this.#place.makeDirectory();
    try {
      if (this.#limits !== undefined) await this.#place.fitDirectory(directory, this.#limits, true);
      return { directory, stats: statSync(directory, { bigint: true }) };
    } catch (error) {
      await this.#place.removeDirectory(directory);
      throw error;
    }
  }

  async #remove(): Promise<void> {
    const made = this.#made;
    this.#made = undefined;
    if (made !== undefined) await this.#place.removeDirectory(made.directory);
  }
}

/** Nothing is in it, and nobody has changed whose it is and who may what: that changes its ctime, or at once its mode. */
function isUntouched({ directory, stats }: Made): boolean {
  try {
    const now = statSync(directory, { bigint: true });
    const isSame = (['dev', 'ino', 'mode', 'uid', 'gid', 'ctimeNs'] as const).every((key) => now[key] === stats[key]);
    return isSame && readdirSync(directory).length === 0;
  } catch {
    return false;
  }
}
