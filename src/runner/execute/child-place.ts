import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Clock } from '../../clock.ts';
import { Child } from './child.ts';
import type { ChildLimits } from '../../ledger/child-limits.ts';
import type { ChildProgram } from './child-program.ts';
import { Guard } from './guard.ts';
import { Enclosures } from './limits/enclosures.ts';
import { machineLayers } from './limits/layers.ts';
import type { Limiting } from './limits/limiting.ts';
import { noDirectory, notSpawned, notStarted } from './not-started.ts';

/** Holds every directory of a runner's children, and the guard that ends them when the runner cannot. */
interface Ground {
  readonly directory: string;
  readonly guard: Guard;
}

/** Where all child processes of a runner are: none of them, and none of their directories, outlives it. */
export class ChildPlace {
  readonly #clock: Clock;
  readonly #mark = randomUUID();
  readonly #children = new Set<Child>();
  readonly #enclosures: Enclosures;
  #ground: Ground | undefined;
  #stopped = false;

  constructor(clock: Clock, { layers = machineLayers }: Limiting = {}) {
    this.#clock = clock;
    const onHome = (directory: string): void => this.#take().guard.holdWithin(directory);
    this.#enclosures = new Enclosures({ name: `taskledger-${process.pid}-${this.#mark}`, clock, layers, onHome });
  }

  /**
   * @param warm it is to run one attempt after the other
   * @throws AttemptFailure PROGRAM_NOT_FOUND, PROGRAM_NOT_EXECUTABLE, MACHINE_FULL, CHILD_DIRECTORY_FAILED, CHILD_SPAWN_FAILED
   */
  async start(program: ChildProgram, directory: string, warm = false): Promise<Child> {
    const { guard } = this.#take();
    const child = await this.#start(program, directory, warm).catch((error: unknown) => {
      throw notStarted(error);
    });
    guard.hold(child.pid);
    this.#children.add(child);
    void child.ended.then(() => {
      this.#children.delete(child);
      guard.drop(child.pid);
    });
    // Everything was ended while it was being started.
    if (this.#stopped) child.kill();
    return child;
  }

  /**
   * A directory for this user alone. Made at once: by way of Node's thread pool it takes three times as long.
   * @throws AttemptFailure CHILD_DIRECTORY_FAILED
   */
  makeDirectory(): string {
    try {
      return mkdtempSync(path.join(this.#take().directory, 'child-'));
    } catch (error) {
      throw noDirectory(error);
    }
  }

  /**
   * Makes a directory what the limits say it is to be.
   * @throws AttemptFailure CHILD_DIRECTORY_FAILED
   */
  async fitDirectory(directory: string, limits: ChildLimits, warm: boolean): Promise<void> {
    await this.#enclosures.fit(directory, limits, warm).catch((error: unknown) => {
      throw noDirectory(error);
    });
  }

  /** At once if it is empty, as most are. Should it fail, the directory goes with all of them, when the runner stops. */
  async removeDirectory(directory: string): Promise<void> {
    await this.#enclosures.release(directory);
    try {
      rmdirSync(directory);
    } catch {
      await rm(directory, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  /** Ends every child with SIGKILL; each tells itself when it is gone. */
  kill(): void {
    for (const child of this.#children) child.kill();
  }

  /** Resolves when nothing is left. Nothing is started afterwards. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.kill();
    await Promise.all([...this.#children].map(({ ended }) => ended));
    const ground = this.#ground;
    this.#ground = undefined;
    this.#enclosures.close();
    await ground?.guard.stop();
  }

  async #start(program: ChildProgram, directory: string, warm: boolean): Promise<Child> {
    const { limits } = program;
    const mark = `${this.#mark}.${randomUUID()}`;
    const enclosure = limits === undefined ? undefined : await this.#enclosures.make(limits, directory, warm);
    try {
      return await Child.start(program, { directory, mark, clock: this.#clock, enclosure });
    } catch (error) {
      enclosure?.close();
      throw notSpawned(error, program.file, directory);
    }
  }

  /** Made on first use. `mkdtemp` makes it for this user alone. */
  #take(): Ground {
    if (this.#stopped) throw notStarted(new Error('the runner has stopped'));
    if (this.#ground !== undefined) return this.#ground;
    const directory = mkdtempSync(path.join(tmpdir(), 'taskledger-runner-'));
    this.#ground = { directory, guard: new Guard(this.#mark, directory) };
    return this.#ground;
  }
}
