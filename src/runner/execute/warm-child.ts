import { randomUUID } from 'node:crypto';
import { waitAtMost, type Clock } from '../../clock.ts';
import { AttemptOutput } from './attempt-output.ts';
import type { Child, ChildEnd, ChildListener } from './child.ts';
import { ChildAttempt, type ChildWork } from './child-attempt.ts';
import type { ChildPlace } from './child-place.ts';
import type { SpeakingProgram } from './child-program.ts';
import { parsedMessage } from './conversation.ts';
import type { Ending } from './execution.ts';
import { anythingStartedSince, killUntilNone, momentNow, numbersSince, type Moment } from './leftovers.ts';
import { startedBy } from './process-tree.ts';
import { WarmDirectories } from './warm-directories.ts';

/** What a child that has ended an attempt wrote is read within that time, unless it closed its streams. */
const outputMs = 1000;
/** A child that has loaded the module says that an attempt begins within that time, or it does not listen any more. */
const beginMs = 3000;
/** A child that has told a result may take that long to say that it has done with the attempt. */
const restMs = 2000;

/** An attempt before it is known in which directory it runs. */
export type WarmWork = Omit<ChildWork, 'directory'>;

/** How an attempt went, and whether its handler can have been called at all. */
export interface WarmRun {
  readonly ending: Ending;
  readonly began: boolean;
}

interface WarmChildOptions {
  readonly child: Child;
  readonly program: SpeakingProgram;
  readonly place: ChildPlace;
  readonly clock: Clock;
  /** Its own, where it is between attempts. */
  readonly directory: string;
}

/** An attempt that runs in it, with what it prints. */
interface Present {
  readonly attempt: ChildAttempt;
  readonly printed: AttemptOutput;
}

/** A child process that runs one attempt after the other. */
export class WarmChild implements ChildListener {
  readonly startedAtMs: number;
  readonly #options: WarmChildOptions;
  readonly #nonces = new Set<string>();
  readonly #readyNonce = randomUUID();
  readonly #directories: WarmDirectories;
  /** Resolves when it has loaded the module, could not, or is gone. */
  readonly #ready: Promise<void>;
  #onReady: (() => void) | undefined;
  /** What runs beside it since it loaded the module: that goes with it, not with an attempt. */
  #belongings: ReadonlySet<number> = new Set();
  #present: Present | undefined;
  /** Lines printed while no attempt ran. */
  #unclaimed = 0;
  #rssBytes = 0;
  #isSpent = false;

  /** @throws AttemptFailure as `ChildPlace.start` */
  static async start(program: SpeakingProgram, place: ChildPlace, clock: Clock): Promise<WarmChild> {
    const directory = place.makeDirectory();
    try {
      const child = await place.start(program, directory, true);
      return new WarmChild({ child, program, place, clock, directory });
    } catch (error) {
      await place.removeDirectory(directory);
      throw error;
    }
  }

  private constructor(options: WarmChildOptions) {
    const { child, program, place, clock } = options;
    this.#options = options;
    this.#directories = new WarmDirectories(place, program.limits);
    this.startedAtMs = clock.monotonic();
    this.#ready = new Promise((resolve) => (this.#onReady = resolve));
    child.listen(this);
    child.send({ kind: 'prepare', nonce: this.#readyNonce, ...program.entry });
    void child.exited.then(() => this.#gone());
    void child.ended.then(() => this.#removeDirectories());
  }

  /** Attempts it was given. */
  get ran(): number {
    return this.#nonces.size;
  }

  /** What it held after its last attempt. */
  get rssBytes(): number {
    return this.#rssBytes;
  }

  /** Whether another attempt may run in it. */
  get isUsable(): boolean {
    return this.#options.child.runs && !this.#isSpent;
  }

  /** Resolves when it has ended, however that came. */
  get exited(): Promise<unknown> {
    return this.#options.child.exited;
  }

  /** Lets it end, and ends it if it does not; resolves when nothing of it is left. */
  async end(): Promise<ChildEnd> {
    const { child } = this.#options;
    this.#isSpent = true;
    child.send({ kind: 'leave' });
    child.linger();
    const end = await child.ended;
    await this.#removeDirectories();
    return end;
  }

  /**
   * Runs one attempt to its end. Nothing it started runs any more then; if that is not certain, nor does the child.
   * @throws AttemptFailure CHILD_DIRECTORY_FAILED
   */
  async run(work: WarmWork): Promise<WarmRun> {
    const directory = await this.#directories.take();
    try {
      return await this.#run({ ...work, directory });
    } finally {
      await this.#directories.giveBack();
    }
  }

  async #run(work: ChildWork): Promise<WarmRun> {
    const { child, clock } = this.#options;
    const endOfOutput = randomUUID();
    const present = this.#admit(work, endOfOutput);
    const { attempt, printed } = present;
    const { conversation } = attempt;
    await this.#ready;
    const began = momentNow(clock);
    const mark = `${child.mark}.${this.ran}`;
    if (child.runs) attempt.start({ directory: work.directory, mark, endOfOutput });
    else attempt.end();
    // What an earlier attempt left behind may block it. Killed before it began, it costs this one nothing but time.
    if (this.ran > 1) void this.#after(beginMs, attempt.over, () => conversation.began || child.kill());
    await attempt.over;
    if (child.runs) await this.#readOutput(printed);
    const left = await this.#clear(began);
    const ending = attempt.ending(await this.#leftBy(work, present, left));
    this.#unclaimed = printed.late;
    this.#rssBytes = conversation.rssBytes ?? 0;
    this.#present = undefined;
    return { ending, began: conversation.began };
  }

  message(line: string): void {
    if (this.#onReady !== undefined && this.#isReady(line)) this.#prepared(this.#onReady);
    else if (this.#present !== undefined) this.#present.attempt.message(line);
    // Whoever said it, and of whatever attempt: it comes too late.
    else this.#retire();
  }

  tooLong(): void {
    if (this.#present === undefined) this.#retire();
    else this.#present.attempt.tooLong();
  }

  output(stream: 'stdout' | 'stderr', line: string): void {
    if (this.#present === undefined) this.#unclaimed += 1;
    else this.#present.printed.line(stream, line);
  }

  printed(bytes: number): void {
    this.#present?.attempt.printed(bytes);
  }

  beforeSignal(): void {
    this.#present?.attempt.beforeSignal();
  }

  #admit(work: ChildWork, endOfOutput: string): Present {
    const { child, clock } = this.#options;
    const nonce = randomUUID();
    const logHead = this.#history();
    const attempt = new ChildAttempt({
      ...work,
      child,
      clock,
      nonce,
      // This one's too by the time anything is heard; the own one is looked at first.
      earlier: this.#nonces,
      // What the handler left behind may block the event loop: then the child is ended, and the result stands.
      onResult: () => void this.#after(restMs, attempt.over, () => child.linger(0)),
      ...(logHead === undefined ? {} : { logHead }),
    });
    this.#nonces.add(nonce);
    this.#present = { attempt, printed: new AttemptOutput(attempt.log, endOfOutput) };
    return this.#present;
  }

  /** What a reader of the log tail has to know: an earlier attempt may print into it, and nobody can tell. */
  #history(): string | undefined {
    if (this.ran === 0) return undefined;
    const leftOut = this.#unclaimed === 0 ? '' : `; ${this.#unclaimed} line(s) printed between attempts are left out`;
    return `in a process that had run ${this.ran} attempt(s) before${leftOut}`;
  }

  #isReady(line: string): boolean {
    const message = parsedMessage(line);
    return message?.kind === 'ready' && message.nonce === this.#readyNonce;
  }

  #prepared(onReady: () => void): void {
    const { pid, mark } = this.#options.child;
    this.#belongings = new Set([...startedBy(pid, mark, 0), ...this.#enclosed()]);
    this.#onReady = undefined;
    onReady();
  }

  /** Everything in its control group but itself. */
  #enclosed(): number[] {
    const { child } = this.#options;
    return child.enclosure?.members().filter((pid) => pid !== child.pid) ?? [];
  }

  /** Acts if the attempt is not over by then. */
  async #after(ms: number, over: Promise<void>, act: () => void): Promise<void> {
    const ended = new AbortController();
    void over.then(() => ended.abort());
    await this.#options.clock.sleep(ms, ended.signal);
    if (!ended.signal.aborted) act();
  }

  async #readOutput({ ended }: AttemptOutput): Promise<void> {
    await waitAtMost(outputMs, ended, this.#options.clock);
  }

  /** Kills what the attempt left running. Where nothing at all was started meanwhile, there is nothing to look for. */
  async #clear(began: Moment): Promise<{ readonly killed: number; readonly areGone: boolean }> {
    const { child, clock } = this.#options;
    if (!child.runs || !anythingStartedSince(began, clock)) return { killed: 0, areGone: true };
    const belongings = this.#belongings;
    const started = (): number[] => startedBy(child.pid, child.mark, numbersSince(began, clock), belongings);
    const find = (): number[] => [...started(), ...this.#enclosed()].filter((pid) => !belongings.has(pid));
    return killUntilNone(find, clock);
  }

  /** What an attempt leaves behind. The child goes on, or is gone when this resolves. */
  async #leftBy(
    work: ChildWork,
    { attempt: { conversation, log }, printed }: Present,
    left: { readonly killed: number; readonly areGone: boolean },
  ): Promise<ChildEnd> {
    const { child } = this.#options;
    if (conversation.strayed)
      log.add('runner', 'a message of an earlier attempt in this process came late and was dropped');
    const isClean = conversation.breach === undefined && !conversation.strayed && left.areGone && printed.isEnded;
    const isWhole = work.attempt.stoppedFor === undefined && leavesNothing(conversation.result);
    if (child.runs && isClean && isWhole) return { exit: { code: 0, signal: null }, left: left.killed };
    const end = child.runs ? await this.end() : await child.ended;
    return { exit: end.exit, left: left.killed + Math.max(0, end.left - this.#belongings.size) };
  }

  /** Its process has ended: whoever waits for it need not wait any longer. */
  #gone(): void {
    this.#onReady?.();
    this.#present?.attempt.end();
    this.#present?.printed.end();
  }

  async #removeDirectories(): Promise<void> {
    const { place, directory } = this.#options;
    await Promise.all([place.removeDirectory(directory), this.#directories.close()]);
  }

  #retire(): void {
    if (!this.#isSpent) void this.end();
  }
}

/**
 * Whether nothing of the handler can be expected to run on in its process. What threw may have left half of itself running:
 * the others of a Promise.all. RetryAfter and RetryAt are answers.
 */
function leavesNothing(ending: Ending | undefined): boolean {
  if (ending === undefined || !('failure' in ending)) return ending !== undefined;
  const { code, advice } = ending.failure;
  return code === 'INVALID_INPUT' || code === 'INVALID_OUTPUT' || advice.retry === 'after' || advice.retry === 'at';
}
