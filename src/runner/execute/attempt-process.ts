import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../../clock.ts';
import type { Handler } from '../../ledger/define-task.ts';
import type { ProcessIsolation } from '../../ledger/isolation.ts';
import { compiledModule } from '../compiled-module.ts';
import { ChildChannel } from './child-channel.ts';
import { childEnding, type Exit } from './child-ending.ts';
import { childEnvironment } from './child-environment.ts';
import type { Ending, Report, RunningAttempt, Usage } from './execution.ts';
import { LogTail } from './log-tail.ts';
import { protocolDescriptor, type StartMessage } from './messages.ts';
import { lastProcess, leftOf, signalProcess } from './process-tree.ts';
import { sampleUsage } from './process-usage.ts';
import { defaultGraceMs, StopLadder, termMs } from './stop-ladder.ts';

const childProgram = fileURLToPath(compiledModule(new URL('./attempt-child.ts', import.meta.url)));

/** A child that has told its result may take that long to end. */
const lingerMs = 2000;
const sampleEveryMs = 500;
/** Between two looks whether what was killed is gone, and how long to look: a process may hang in the kernel. */
const lookAgainMs = 5;
const treeGoneMs = 5000;
/** Process numbers may have begun anew after that long, at the busiest. */
const numbersLastMs = 10_000;
/** What left the tree unseen may hold the streams open: they are not waited for longer. */
const streamsMs = 1000;

export interface AttemptProcessOptions {
  readonly attempt: RunningAttempt;
  readonly handler: Handler;
  readonly isolation: ProcessIsolation;
  /** Its working directory, and where its temporary files go. */
  readonly directory: string;
  readonly mark: string;
  /** The module would not find a package taskledger. */
  readonly offer: boolean;
  readonly clock: Clock;
}

/** One child process with one attempt in it, from its start until nothing of it is left. */
export class AttemptProcess {
  readonly pid: number;
  readonly #options: AttemptProcessOptions;
  readonly #child: ChildProcess;
  readonly #exited: Promise<Exit>;
  readonly #closed: Promise<void>;
  readonly #gone = new AbortController();
  readonly #channel: ChildChannel;
  readonly #log: LogTail;
  readonly #ladder: StopLadder;
  readonly #startedAtMs: number;
  #usage: Usage | undefined;

  /** @throws whatever spawn failed with */
  static async start(options: AttemptProcessOptions): Promise<AttemptProcess> {
    const child = spawn(process.execPath, [childProgram], {
      cwd: options.directory,
      env: childEnvironment(options.isolation, options),
      // A group of its own, so that all of it can be signalled; and Ctrl-C is the runner's to hear.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    if (child.pid === undefined) throw await new Promise((resolve) => child.once('error', resolve));
    return new AttemptProcess(child, child.pid, options);
  }

  private constructor(child: ChildProcess, pid: number, options: AttemptProcessOptions) {
    const { attempt, clock } = options;
    this.pid = pid;
    this.#child = child;
    this.#options = options;
    this.#startedAtMs = clock.monotonic();
    child.on('error', () => undefined);
    this.#exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    this.#closed = new Promise((resolve) => child.once('close', () => resolve()));
    this.#log = new LogTail(clock);
    if (child.stdout !== null) this.#log.follow(child.stdout, 'stdout');
    if (child.stderr !== null) this.#log.follow(child.stderr, 'stderr');
    this.#ladder = new StopLadder({
      pid,
      mark: options.mark,
      clock,
      exited: this.#gone.signal,
      beforeSignal: () => {
        this.#channel.ignore();
        this.#sample();
      },
    });
    const nonce = randomUUID();
    this.#channel = new ChildChannel(child.stdio[protocolDescriptor] as Duplex, {
      nonce,
      progress: (progress) => attempt.progress(progress),
      onResult: () => this.#ladder.linger(lingerMs),
      onBreach: () => this.#ladder.kill(),
    });
    this.#channel.send(startMessage(options, nonce));
  }

  /** How long it may take to end once it was told to. */
  get stopMs(): number {
    return (this.#options.isolation.graceMs ?? defaultGraceMs) + termMs;
  }

  kill(): void {
    this.#ladder.kill();
  }

  /** Resolves when the child and everything it started are gone. */
  async ending(): Promise<Ending> {
    const { attempt, handler } = this.#options;
    const { signal } = attempt;
    const stop = (): void => this.#stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const sampling = setInterval(() => this.#sample(), sampleEveryMs);
    const exit = await this.#exited;
    clearInterval(sampling);
    signal.removeEventListener('abort', stop);
    this.#gone.abort();
    await this.#clearTree();
    await this.#readToTheEnd();
    const { result, breach } = this.#channel;
    const endedFor = this.#ladder.killed === 'no' ? undefined : attempt.stoppedFor;
    const story = { exit, result, breach, endedFor, log: this.#log.lines };
    return { ...childEnding(story, handler), report: this.#report(exit) };
  }

  #stop(): void {
    const { attempt, isolation } = this.#options;
    const reason = attempt.stoppedFor ?? 'shutdown';
    this.#channel.send({ kind: 'stop', reason });
    this.#ladder.stop(reason, isolation.graceMs ?? defaultGraceMs);
  }

  #sample(): void {
    this.#usage = sampleUsage(this.pid) ?? this.#usage;
  }

  /** Ends what the child left behind: an attempt that has ended does nothing any more. */
  async #clearTree(): Promise<void> {
    const { clock, mark } = this.#options;
    const until = clock.monotonic() + treeGoneMs;
    const found = new Set<number>();
    for (;;) {
      const left = leftOf(this.pid, mark, this.#numbersBegan());
      for (const pid of left) {
        found.add(pid);
        signalProcess(pid, 'SIGKILL');
      }
      if (left.length === 0 || clock.monotonic() > until) break;
      await clock.sleep(lookAgainMs);
    }
    if (found.size > 0 && this.#ladder.killed === 'no') {
      this.#log.add('runner', `killed what the attempt had left running: ${found.size} process(es)`);
    }
  }

  /** Descendants are numbered after the child, unless the numbers have begun anew meanwhile. */
  #numbersBegan(): number {
    const isFresh = this.#options.clock.monotonic() - this.#startedAtMs < numbersLastMs;
    return isFresh && (lastProcess() ?? 0) >= this.pid ? this.pid : 0;
  }

  async #readToTheEnd(): Promise<void> {
    const over = new AbortController();
    await Promise.race([this.#closed, this.#options.clock.sleep(streamsMs, over.signal)]);
    over.abort();
    for (const stream of this.#child.stdio) stream?.destroy();
  }

  #report({ code, signal }: Exit): Report {
    const usage = this.#channel.usage ?? this.#usage;
    const { lines } = this.#log;
    const isPlain = code === 0 && this.#channel.result !== undefined;
    return {
      ...(usage === undefined ? {} : { usage }),
      ...(lines.length === 0 ? {} : { log_tail: lines }),
      ...(code === null || isPlain ? {} : { exit_code: code }),
      ...(signal === null ? {} : { exit_signal: signal }),
      ...(this.#options.attempt.stoppedFor === undefined ? {} : { killed: this.#ladder.killed }),
    };
  }
}

function startMessage({ attempt, isolation, offer }: AttemptProcessOptions, nonce: string): StartMessage {
  const { taskId, name, input, lease, runAt, checkpoint } = attempt;
  return {
    kind: 'start',
    nonce,
    module: isolation.module,
    offer,
    attempt: { taskId, name, input, attempt: attempt.attempt, lease, runAt: runAt.toISOString(), checkpoint },
  };
}
