import { spawn, type ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { waitAtMost, type Clock } from '../../clock.ts';
import { ChildChannel } from './child-channel.ts';
import type { Exit } from './exit.ts';
import type { ChildProgram } from './child-program.ts';
import type { StopReason } from './execution.ts';
import { killUntilNone, numbersSince, type Moment } from './leftovers.ts';
import { LineReader } from './lines.ts';
import { MAX_LOG_LINE_BYTES } from './log-tail.ts';
import { protocolDescriptor, type RunnerMessage } from './messages.ts';
import type { Enclosure } from './limits/enclosure.ts';
import { killTree, leftOf, markVariable } from './process-tree.ts';
import { StopLadder } from './stop-ladder.ts';

/** A child that has nothing more to do may take that long to end. */
const lingerMs = 2000;
/** After so much output a stream is left alone for a moment: what floods its runner does not keep it from the others. */
const readAtOnceBytes = 256 * 1024;
const readAgainMs = 4;
/** What left the tree unseen may hold the streams open: they are not waited for longer. */
const streamsMs = 1000;

/** Who has a child at the moment. */
export interface ChildListener {
  /** A message, not yet judged. */
  message(line: string): void;
  /** A message longer than any can be. */
  tooLong(): void;
  output(stream: 'stdout' | 'stderr', line: string): void;
  /** So many bytes came on stdout or stderr; they may not make a line yet. */
  printed(bytes: number): void;
  /** A signal is about to be sent: what the child says from now on comes too late. */
  beforeSignal(): void;
}

/** How a child ended. */
export interface ChildEnd {
  readonly exit: Exit;
  /** How many processes it had left running; they were killed. */
  readonly left: number;
}

interface ChildOptions {
  /** Its working directory, and where its temporary files go. */
  readonly directory: string;
  /** Carried by everything it starts. */
  readonly mark: string;
  readonly clock: Clock;
  /** What holds it to its limits. */
  readonly enclosure?: Enclosure | undefined;
}

/** One child process, from its start until nothing of it is left. Whose attempt it runs is its listener's business. */
export class Child {
  readonly pid: number;
  readonly mark: string;
  /** Resolves as soon as the process itself has ended. */
  readonly exited: Promise<Exit>;
  /** Resolves when what it started is gone too, and everything it wrote has been read. */
  readonly ended: Promise<ChildEnd>;
  /** What holds it to its limits; undefined if nothing does. */
  readonly enclosure: Enclosure | undefined;
  readonly #clock: Clock;
  readonly #process: ChildProcess;
  readonly #channel: ChildChannel;
  readonly #ladder: StopLadder;
  readonly #gone = new AbortController();
  readonly #startedAt: Moment;
  #listener: ChildListener | undefined;

  /** @throws whatever spawn failed with */
  static async start(program: ChildProgram, options: ChildOptions): Promise<Child> {
    const { directory, mark, enclosure } = options;
    const env = { ...program.env, TMPDIR: directory, [markVariable]: mark };
    const { file, args } = enclosure?.command(program, env) ?? program;
    const child = spawn(file, args, {
      cwd: directory,
      env,
      // A group of its own, so that all of it can be signalled; and Ctrl-C is the runner's to hear.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    if (child.pid === undefined) throw await new Promise((resolve) => child.once('error', resolve));
    return new Child(child, child.pid, options);
  }

  private constructor(child: ChildProcess, pid: number, { mark, clock, enclosure }: ChildOptions) {
    this.pid = pid;
    this.mark = mark;
    this.enclosure = enclosure;
    this.#clock = clock;
    this.#process = child;
    this.#startedAt = { process: pid, ms: clock.monotonic() };
    child.on('error', () => undefined);
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(enclosure?.exitOf({ code, signal }) ?? { code, signal }));
    });
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    for (const stream of ['stdout', 'stderr'] as const) this.#follow(stream);
    const exited = this.#gone.signal;
    const beforeSignal = (): void => this.#listener?.beforeSignal();
    this.#ladder = new StopLadder({ pid, clock, exited, beforeSignal, killAll: () => this.#killAll() });
    this.#channel = new ChildChannel(child.stdio[protocolDescriptor] as Duplex, {
      message: (line) => this.#listener?.message(line),
      tooLong: () => this.#listener?.tooLong(),
    });
    this.ended = this.exited.then(async (exit) => {
      this.#gone.abort();
      const left = await this.#clearTree();
      await this.#readToTheEnd(closed);
      enclosure?.close();
      return { exit, left };
    });
  }

  /** From now on `listener` has it; whoever had it before hears nothing any more. */
  listen(listener: ChildListener): void {
    this.#listener = listener;
  }

  send(message: RunnerMessage): void {
    this.#channel.send(message);
  }

  /** False as soon as its end has been noticed. */
  get runs(): boolean {
    return !this.#gone.signal.aborted;
  }

  /** Which signal it needed so far. */
  get killed(): 'no' | 'term' | 'kill' {
    return this.#ladder.killed;
  }

  /** Its attempt was told to stop: lets it end within the grace, and ends it then. */
  stop(reason: StopReason, graceMs: number): void {
    this.#ladder.stop(reason, graceMs);
  }

  /** As `stop`, for one that only signals can tell. */
  terminate(reason: StopReason, graceMs: number): void {
    this.#ladder.terminate(reason, graceMs);
  }

  /** It has nothing more to do: lets it end by itself for a while, and ends it then. */
  linger(ms = lingerMs): void {
    this.#ladder.linger(ms);
  }

  kill(): void {
    this.#ladder.kill();
  }

  #killAll(): void {
    killTree(this.pid, this.mark, this.#numberedBefore());
    // What has left the tree unseen is still in its control group.
    this.enclosure?.cgroup?.kill();
  }

  /** Reads on to its end, so that no writer waits for us for long; of a long line the beginning is kept. */
  #follow(name: 'stdout' | 'stderr'): void {
    const reader = new LineReader(MAX_LOG_LINE_BYTES, (line) => this.#listener?.output(name, line));
    const stream = this.#process[name];
    if (stream === null) return;
    let unrested = 0;
    stream.on('data', (chunk: Buffer) => {
      this.#listener?.printed(chunk.length);
      reader.push(chunk);
      unrested += chunk.length;
      if (unrested < readAtOnceBytes) return;
      unrested = 0;
      stream.pause();
      void this.#clock.sleep(readAgainMs).then(() => stream.resume());
    });
    stream.once('close', () => reader.end());
    // Reading from a process that was killed may fail; what was read so far is kept.
    stream.on('error', () => undefined);
  }

  /** Ends what the child left behind: what has ended does nothing any more. Returns how many processes that were. */
  async #clearTree(): Promise<number> {
    const find = (): number[] => {
      const left = leftOf(this.pid, this.mark, this.#numberedBefore());
      const enclosed = this.enclosure?.members() ?? [];
      return [...new Set([...left, ...enclosed])];
    };
    const { killed } = await killUntilNone(find, this.#clock);
    return killed;
  }

  /** All that it started is numbered after this. */
  #numberedBefore(): number {
    return numbersSince(this.#startedAt, this.#clock);
  }

  async #readToTheEnd(closed: Promise<void>): Promise<void> {
    await waitAtMost(streamsMs, closed, this.#clock);
    for (const stream of this.#process.stdio) stream?.destroy();
  }
}
