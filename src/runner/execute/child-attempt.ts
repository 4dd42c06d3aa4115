import type { Clock } from '../../clock.ts';
import type { Handler } from '../../ledger/define-task.ts';
import { AttemptWatch } from './attempt-watch.ts';
import type { Child, ChildEnd, ChildListener } from './child.ts';
import { childEnding } from './child-ending.ts';
import type { ChildProgram, SpeakingProgram } from './child-program.ts';
import { Conversation } from './conversation.ts';
import type { Ending, RunningAttempt } from './execution.ts';
import type { LogRecord } from './log-record.ts';
import type { LogStream, LogTail } from './log-tail.ts';
import type { ChildEntry, StartMessage, WarmStart } from './messages.ts';

/** An attempt with what it takes to run it in a child process. */
export interface ChildWork<Program extends ChildProgram = SpeakingProgram> {
  readonly attempt: RunningAttempt;
  readonly handler: Handler;
  readonly program: Program;
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

/** One attempt in a child process that speaks: what it says and prints, what it uses, and how it is stopped. */
export class ChildAttempt implements ChildListener {
  readonly conversation: Conversation;
  /** Resolves when a warm child has done with the attempt, or `end` says that it is gone. */
  readonly over: Promise<void>;
  readonly #options: ChildAttemptOptions;
  readonly #watch: AttemptWatch;
  #onOver: () => void = () => undefined;
  #started = false;

  constructor(options: ChildAttemptOptions) {
    const { child, attempt, program, nonce, earlier, onResult } = options;
    this.#options = options;
    this.over = new Promise((resolve) => (this.#onOver = resolve));
    this.conversation = new Conversation({
      nonce,
      earlier,
      send: (message) => child.send(message),
      progress: (progress) => attempt.progress(progress),
      log: (record, skipped) => this.#logged(record, skipped),
      onResult,
      onIdle: () => this.#onOver(),
      onBreach: () => child.kill(),
    });
    this.#watch = new AttemptWatch({
      ...options,
      onStop: (reason) => {
        if (this.#started) child.send({ kind: 'stop', reason });
        child.stop(reason, program.graceMs);
      },
    });
  }

  get log(): LogTail {
    return this.#watch.log;
  }

  /** Tells the child to begin. */
  start(warm?: WarmStart): void {
    const { child, attempt, program, nonce } = this.#options;
    if (warm !== undefined) this.#watch.forgetLimits();
    child.send(startMessage(attempt, program.entry, nonce, warm));
    this.#started = true;
    // While the child reads it.
    if (warm !== undefined) this.#watch.forgetUsage();
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

  #logged({ level, message, fields }: LogRecord, skipped: number): void {
    if (skipped > 0) this.log.add('runner', `${skipped} line(s) of the log are left out: too many at once`);
    this.#options.attempt.log[level](message, fields);
  }

  printed(bytes: number): void {
    this.#watch.printed(bytes);
  }

  beforeSignal(): void {
    this.conversation.ignore();
    this.#watch.sample();
  }

  /**
   * How the attempt ended. Nothing is heard or sampled from now on.
   * @param end of its child, or what the attempt left behind in one that goes on
   */
  ending(end: ChildEnd): Ending {
    const { result, breach, usage } = this.conversation;
    this.conversation.ignore();
    this.#watch.end(end);
    const { endedFor, limited } = this.#watch;
    const story = { exit: end.exit, result, breach, endedFor, ...limited, log: this.log.lines };
    const report = this.#watch.report(end, result !== undefined, usage);
    return { ...childEnding(story, this.#options.handler), report };
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
