import type { Child, ChildEnd } from './child.ts';
import type { Report, RunningAttempt, StopReason, Usage } from './execution.ts';
import type { LogTail } from './log-tail.ts';
import { sampleUsage } from './process-usage.ts';

const sampleEveryMs = 500;

interface AttemptWatchOptions {
  readonly child: Child;
  readonly attempt: RunningAttempt;
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
  #usedBeforeMs = 0;
  #usage: Usage | undefined;

  constructor(options: AttemptWatchOptions) {
    const { attempt, logHead } = options;
    this.#options = options;
    this.log = attempt.tail;
    if (logHead !== undefined) this.log.openWith(logHead);
    this.#sampling = setInterval(() => this.sample(), sampleEveryMs);
    attempt.signal.addEventListener('abort', this.#stop, { once: true });
    if (attempt.signal.aborted) this.#stop();
  }

  /** What the process has used so far is not this attempt's. */
  forgetUsage(): void {
    this.#usedBeforeMs = sampleUsage(this.#options.child.pid)?.cpu_ms ?? 0;
  }

  sample(): void {
    const usage = sampleUsage(this.#options.child.pid);
    if (usage !== undefined) this.#usage = { ...usage, cpu_ms: usage.cpu_ms - this.#usedBeforeMs };
  }

  /** Nothing is sampled from now on, and nobody is told to stop. Notes in the log what was left behind. */
  end({ left }: ChildEnd): void {
    const { child, attempt } = this.#options;
    clearInterval(this.#sampling);
    attempt.signal.removeEventListener('abort', this.#stop);
    if (left === 0 || child.killed !== 'no') return;
    this.log.add('runner', `killed what the attempt had left running: ${left} process(es)`);
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
