import type { Clock } from '../../clock.ts';
import type { PoolLimits } from '../../ledger/isolation.ts';
import type { ChildPlace } from './child-place.ts';
import type { SpeakingProgram } from './child-program.ts';
import type { Ending } from './execution.ts';
import { WarmChild, type WarmRun, type WarmWork } from './warm-child.ts';

interface ChildPoolOptions {
  readonly program: SpeakingProgram;
  readonly limits: Required<PoolLimits>;
  readonly place: ChildPlace;
  readonly clock: Clock;
}

/**
 * Warm children of one program, each with one attempt at a time: as many as attempts run at once, and some that wait. Where
 * every child dies at its start none is started without an attempt that needs it.
 */
export class ChildPool {
  readonly #options: ChildPoolOptions;
  readonly #children = new Set<WarmChild>();
  /** Those without an attempt; the last one is taken first, so that the others can be seen to be too many. */
  #idle: WarmChild[] = [];
  readonly #resting = new Map<WarmChild, AbortController>();
  #starting = 0;
  #closed = false;

  constructor(options: ChildPoolOptions) {
    this.#options = options;
  }

  /** Starts as many as are kept warm, unless they run. */
  prestart(): void {
    const { warm } = this.#options.limits;
    for (let count = this.#children.size + this.#starting; count < warm && !this.#closed; count += 1) {
      // The first attempt will tell what is wrong.
      void this.#start().then(
        (child) => this.#rest(child, { last: false }),
        () => undefined,
      );
    }
  }

  /** @throws AttemptFailure as `ChildPlace.start` and `WarmChild.run` */
  async run(work: WarmWork): Promise<Ending> {
    const waiting = this.#take();
    if (waiting !== undefined) {
      const { ending, began } = await this.#runIn(waiting, work);
      // A child that died of something else, before it was told: a fresh one runs the attempt.
      if (began || work.attempt.stoppedFor !== undefined) return ending;
    }
    const { ending } = await this.#runIn(await this.#start(), work);
    return ending;
  }

  /** From now on none is kept for later. */
  close(): void {
    this.#closed = true;
  }

  /** Ends those that wait; resolves when they are gone. */
  async stop(): Promise<void> {
    this.close();
    const waiting = this.#idle;
    this.#idle = [];
    for (const child of waiting) this.#wake(child);
    await Promise.all(waiting.map((child) => child.end()));
  }

  async #start(): Promise<WarmChild> {
    const { program, place, clock } = this.#options;
    this.#starting += 1;
    try {
      const child = await WarmChild.start(program, place, clock);
      this.#children.add(child);
      void child.exited.then(() => this.#forget(child));
      return child;
    } finally {
      this.#starting -= 1;
    }
  }

  #take(): WarmChild | undefined {
    for (let child = this.#idle.pop(); child !== undefined; child = this.#idle.pop()) {
      this.#wake(child);
      if (child.isUsable && !this.#isOld(child)) return child;
      this.#retire(child);
    }
    return undefined;
  }

  async #runIn(child: WarmChild, work: WarmWork): Promise<WarmRun> {
    const run = await child.run(work).catch((error: unknown) => {
      this.#retire(child);
      throw error;
    });
    const { maxTasks, maxRssMb } = this.#options.limits;
    const isWornOut = child.ran >= maxTasks || child.rssBytes > maxRssMb * 2 ** 20 || this.#isOld(child);
    if (isWornOut) this.#retire(child);
    else this.#rest(child, { last: true });
    // A module that does not even load is not tried again before an attempt needs it.
    if (run.began) this.prestart();
    return run;
  }

  #isOld({ startedAtMs }: WarmChild): boolean {
    return this.#options.clock.monotonic() - startedAtMs >= this.#options.limits.maxAgeMs;
  }

  /** It waits for an attempt: for the next one, or until the others are taken. */
  #rest(child: WarmChild, { last }: { readonly last: boolean }): void {
    if (this.#closed || !child.isUsable) {
      this.#retire(child);
      return;
    }
    if (last) this.#idle.push(child);
    else this.#idle.unshift(child);
    void this.#watch(child);
  }

  /** Ends a child that waits: beyond the number that is kept after a while, any one when it is too old. */
  async #watch(child: WarmChild): Promise<void> {
    const { clock, limits } = this.#options;
    const woken = new AbortController();
    this.#resting.set(child, woken);
    const isWokenIn = async (ms: number): Promise<boolean> => {
      await clock.sleep(ms, woken.signal);
      return woken.signal.aborted;
    };
    const oldInMs = Math.max(0, limits.maxAgeMs - (clock.monotonic() - child.startedAtMs));
    if (await isWokenIn(Math.min(limits.idleMs, oldInMs))) return;
    const isKept = !this.#isOld(child) && this.#idle.length <= limits.warm;
    if (isKept && (await isWokenIn(oldInMs - limits.idleMs))) return;
    this.#idle = this.#idle.filter((other) => other !== child);
    this.#retire(child);
    this.prestart();
  }

  #wake(child: WarmChild): void {
    this.#resting.get(child)?.abort();
    this.#resting.delete(child);
  }

  /** Nothing is run in it any more. */
  #retire(child: WarmChild): void {
    this.#children.delete(child);
    this.#wake(child);
    void child.end();
  }

  /** Its process has ended, if only by itself. */
  #forget(child: WarmChild): void {
    const isIdle = this.#idle.includes(child);
    this.#idle = this.#idle.filter((other) => other !== child);
    this.#children.delete(child);
    this.#wake(child);
    // One that dies without ever having run an attempt would die again.
    if (isIdle && child.ran > 0) this.prestart();
  }
}
