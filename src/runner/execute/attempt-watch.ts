import type { ChildStory } from './child-ending.ts';
import type { Child, ChildEnd } from './child.ts';
import type { Report, RunningAttempt, StopReason, Usage } from './execution.ts';
import type { LimitWatch } from './limits/limit-watch.ts';
import type { LogTail } from './log-tail.ts';
import { sampleUsage } from './process-usage.ts';

const sampleEveryMs = 500;

interface AttemptWatchOptions {
  readonly child: Child;
  readonly attempt: RunningAttempt;
  /** Its own. */
  readonly directory: string;
  /** The attempt is to stop: called once. */
  readonly onStop: (reason: StopReason) => void;
  /** First line of the log tail, if there are others. */
  readonly logHead?: string;
}

/** What is seen of an attempt in a child from outside, whatever it says itself: its log, what it uses, and who stops it. */
export class AttemptWatch {
  readonly log: LogTail;
  readonly #options: AttemptWatchOptions;
  readonly #sampling: NodeJS.Timeout;
  readonly #limits: LimitWatch | undefined;
  #usedBeforeMs = 0;
  #usage: Usage | undefined;

  constructor(options: AttemptWatchOptions) {
    const { attempt, child, directory, logHead } = options;
    this.#options = options;
    this.log = attempt.tail;
    if (logHead !== undefined) this.log.openWith(logHead);
    this.#limits = child.enclosure?.watch({ pid: child.pid, directory, onHit: () => child.kill() });
    this.#sampling = setInterval(() => this.sample(), sampleEveryMs);
    attempt.signal.addEventListener('abort', this.#stop, { once: true });
    if (attempt.signal.aborted) this.#stop();
  }

  /** What the process has met of its limits so far is not this attempt's: before it is told of the attempt. */
  forgetLimits(): void {
    this.#limits?.forget();
  }

  /** Nor is what it has used so far, for an attempt that will not say itself what it used. */
  forgetUsage(): void {
    if (this.#limits === undefined) this.#usedBeforeMs = sampleUsage(this.#options.child.pid)?.cpu_ms ?? 0;
  }

  sample(): void {
    if (this.#limits !== undefined) {
      this.#usage = this.#limits.usage();
      return;
    }
    const usage = sampleUsage(this.#options.child.pid);
    if (usage !== undefined) this.#usage = { ...usage, cpu_ms: usage.cpu_ms - this.#usedBeforeMs };
  }

  printed(bytes: number): void {
    this.#limits?.printed(bytes);
  }

  /** Nothing is sampled from now on, and nobody is told to stop. Notes in the log what was left behind. */
  end({ left, exit }: ChildEnd): void {
    const { child, attempt } = this.#options;
    clearInterval(this.#sampling);
    this.#limits?.end(exit);
    if (this.#limits !== undefined) this.sample();
    attempt.signal.removeEventListener('abort', this.#stop);
    if (left === 0 || child.killed !== 'no') return;
    this.log.add('runner', `killed what the attempt had left running: ${left} process(es)`);
  }

  /** What it may use, and which of these limits it met. */
  get limited(): Pick<ChildStory, 'limits' | 'limit'> {
    return { limits: this.#options.child.enclosure?.limits, limit: this.#limits?.hit };
  }

  /** Why the child was ended before it had said anything; undefined if it was not. */
  get endedFor(): StopReason | undefined {
    const { child, attempt } = this.#options;
    return child.killed === 'no' ? undefined : attempt.stoppedFor;
  }

  /** @param isPlain its exit code is that of any child that has done its work */
  report({ exit: { code, signal } }: ChildEnd, isPlain: boolean, told?: Usage): Report {
    const { child, attempt } = this.#options;
    const usage = told ?? this.#usage;
    const { lines } = this.log;
    return {
      ...(usage === undefined ? {} : { usage }),
      ...(lines.length === 0 ? {} : { log_tail: lines }),
      ...(code === null || (code === 0 && isPlain) ? {} : { exit_code: code }),
      ...(signal === null ? {} : { exit_signal: signal }),
      ...(attempt.stoppedFor === undefined ? {} : { killed: child.killed }),
    };
  }

  /** Bound: it hears the attempt's signal. */
  readonly #stop = (): void => this.#options.onStop(this.#options.attempt.stoppedFor ?? 'shutdown');
}
