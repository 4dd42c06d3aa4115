import type { Clock } from '../../clock.ts';
import type { Handler } from '../../ledger/define-task.ts';
import type { Child, ChildEnd, ChildListener } from './child.ts';
import { childEnding } from './child-ending.ts';
import type { ChildProgram } from './child-program.ts';
import { Conversation } from './conversation.ts';
import type { Ending, Report, RunningAttempt, Usage } from './execution.ts';
import { LogTail, type LogStream } from './log-tail.ts';
import type { ChildEntry, StartMessage, WarmStart } from './messages.ts';
import { sampleUsage } from './process-usage.ts';

const sampleEveryMs = 500;

/** An attempt with what it takes to run it in a child process. */
export interface ChildWork {
  readonly attempt: RunningAttempt;
  readonly handler: Handler;
  readonly program: ChildProgram;
  /** Its own, empty. */
  readonly directory: string;
}

interface ChildAttemptOptions extends ChildWork {
  readonly child: Child;
  readonly clock: Clock;
  readonly nonce: string;
  /** Nonces of attempts that the child ran before; none if it is for this one alone. */
  readonly earlier: ReadonlySet<string>;
  /** The child has said how the attempt went. */
  readonly onResult: () => void;
  /** First line of the log tail, if there are others. */
  readonly logHead?: string;
}

/** One attempt in a child process: what it says and prints, what it uses, and how it is stopped. */
export class ChildAttempt implements ChildListener {
  readonly conversation: Conversation;
  /** Resolves when a warm child has done with the attempt, or `end` says that it is gone. */
  readonly over: Promise<void>;
  readonly log: LogTail;
  readonly #options: ChildAttemptOptions;
  readonly #sampling: NodeJS.Timeout;
  #onOver: () => void = () => undefined;
  #usedBeforeMs = 0;
  #usage: Usage | undefined;
  #started = false;

  constructor(options: ChildAttemptOptions) {
    const { child, attempt, clock, nonce, earlier, onResult, logHead } = options;
    this.#options = options;
    this.log = new LogTail(clock, logHead);
    this.over = new Promise((resolve) => (this.#onOver = resolve));
    this.conversation = new Conversation({
      nonce,
      earlier,
      send: (message) => child.send(message),
      progress: (progress) => attempt.progress(progress),
      onResult,
      onIdle: () => this.#onOver(),
      onBreach: () => child.kill(),
    });
    this.#sampling = setInterval(() => this.#sample(), sampleEveryMs);
    attempt.signal.addEventListener('abort', this.#stop, { once: true });
    if (attempt.signal.aborted) this.#stop();
  }

  /** Tells the child to begin. */
  start(warm?: WarmStart): void {
    const { child, attempt, program, nonce } = this.#options;
    if (warm !== undefined) this.#usedBeforeMs = sampleUsage(child.pid)?.cpu_ms ?? 0;
    child.send(startMessage(attempt, program.entry, nonce, warm));
    this.#started = true;
    if (attempt.stoppedFor !== undefined) child.send({ kind: 'stop', reason: attempt.stoppedFor });
  }

  message(line: string): void {
    this.conversation.hear(line);
  }

  tooLong(): void {
    this.conversation.tooLong();
  }

  /** The child is gone: nothing more is to come. */
  end(): void {
    this.#onOver();
  }

  output(stream: LogStream, line: string): void {
    this.log.add(stream, line);
  }

  beforeSignal(): void {
    this.conversation.ignore();
    this.#sample();
  }

  /**
   * How the attempt ended. Nothing is heard or sampled from now on.
   * @param end of its child, or what the attempt left behind in one that goes on
   */
  ending(end: ChildEnd): Ending {
    const { child, attempt, handler } = this.#options;
    clearInterval(this.#sampling);
    attempt.signal.removeEventListener('abort', this.#stop);
    const { result, breach } = this.conversation;
    this.conversation.ignore();
    const { killed } = child;
    if (end.left > 0 && killed === 'no') {
      this.log.add('runner', `killed what the attempt had left running: ${end.left} process(es)`);
    }
    const endedFor = killed === 'no' ? undefined : attempt.stoppedFor;
    const story = { exit: end.exit, result, breach, endedFor, log: this.log.lines };
    return { ...childEnding(story, handler), report: this.#report(end) };
  }

  /** Bound: it hears the attempt's signal. */
  readonly #stop = (): void => {
    const { child, attempt, program } = this.#options;
    const reason = attempt.stoppedFor ?? 'shutdown';
    if (this.#started) child.send({ kind: 'stop', reason });
    child.stop(reason, program.graceMs);
  };

  #sample(): void {
    const usage = sampleUsage(this.#options.child.pid);
    if (usage !== undefined) this.#usage = { ...usage, cpu_ms: usage.cpu_ms - this.#usedBeforeMs };
  }

  #report({ exit: { code, signal } }: ChildEnd): Report {
    const usage = this.conversation.usage ?? this.#usage;
    const { lines } = this.log;
    const isPlain = code === 0 && this.conversation.result !== undefined;
    return {
      ...(usage === undefined ? {} : { usage }),
      ...(lines.length === 0 ? {} : { log_tail: lines }),
      ...(code === null || isPlain ? {} : { exit_code: code }),
      ...(signal === null ? {} : { exit_signal: signal }),
      ...(this.#options.attempt.stoppedFor === undefined ? {} : { killed: this.#options.child.killed }),
    };
  }
}

function startMessage(attempt: RunningAttempt, entry: ChildEntry, nonce: string, warm?: WarmStart): StartMessage {
  const { taskId, name, input, lease, runAt, checkpoint } = attempt;
  return {
    kind: 'start',
    nonce,
    ...entry,
    ...(warm === undefined ? {} : { warm }),
    attempt: { taskId, name, input, attempt: attempt.attempt, lease, runAt: runAt.toISOString(), checkpoint },
  };
}
