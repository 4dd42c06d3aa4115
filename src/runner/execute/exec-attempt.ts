import { AttemptWatch } from './attempt-watch.ts';
import type { Child, ChildEnd, ChildListener } from './child.ts';
import type { ChildWork } from './child-attempt.ts';
import { childEnding, childFailure } from './child-ending.ts';
import type { ChildProgram } from './child-program.ts';
import { readOutput } from './exec-files.ts';
import { ExecReports } from './exec-reports.ts';
import type { Ending } from './execution.ts';
import { AttemptFailure, failureOf, type Failure } from './failure.ts';
import type { LogStream } from './log-tail.ts';

/** Beyond it, an exit code is a shell's word for a program that could not be started, or that a signal ended. */
const highestExitCode = 125;

/** One attempt of a program that does not speak the protocol: what it prints and reports, and what its exit means. */
export class ExecAttempt implements ChildListener {
  readonly #work: ChildWork<ChildProgram>;
  readonly #watch: AttemptWatch;
  readonly #reports: ExecReports;
  #lastError = '';

  constructor(work: ChildWork<ChildProgram>, child: Child) {
    const { attempt, program } = work;
    this.#work = work;
    this.#reports = new ExecReports({
      send: (message) => child.send(message),
      progress: (progress) => attempt.progress(progress),
      onBreach: () => child.kill(),
    });
    // It understands nothing but signals, so the first one is what an aborted signal is to a handler.
    const onStop = (): void => child.terminate(attempt.stoppedFor ?? 'shutdown', program.graceMs);
    this.#watch = new AttemptWatch({ child, attempt, directory: work.directory, onStop });
  }

  message(line: string): void {
    this.#reports.hear(line);
  }

  tooLong(): void {
    this.#reports.tooLong();
  }

  output(stream: LogStream, line: string): void {
    if (stream === 'stderr' && line.trim() !== '') this.#lastError = line;
    this.#watch.log.add(stream, line);
  }

  printed(bytes: number): void {
    this.#watch.printed(bytes);
  }

  beforeSignal(): void {
    this.#reports.ignore();
    this.#watch.sample();
  }

  /** How the attempt ended, once its process has. */
  async ending(end: ChildEnd): Promise<Ending> {
    this.#reports.ignore();
    this.#watch.end(end);
    const { breach } = this.#reports;
    const { endedFor, limited, log } = this.#watch;
    const isOwnEnd = endedFor === undefined && breach === undefined && limited.limit === undefined;
    const result = isOwnEnd ? await this.#result(end) : undefined;
    const story = { exit: end.exit, result, breach, endedFor, ...limited, log: log.lines };
    return { ...childEnding(story, this.#work.handler), report: this.#watch.report(end, result !== undefined) };
  }

  /** What the exit of a program that nobody stopped says; undefined if it says nothing. */
  async #result({ exit: { code } }: ChildEnd): Promise<Ending | undefined> {
    const { directory, handler } = this.#work;
    if (code === null || code > highestExitCode) return undefined;
    if (code > 0) return { failure: this.#failure(code) };
    try {
      return { outputJson: await readOutput(directory, handler.definition.name) };
    } catch (error) {
      return { failure: failureOf(new AttemptFailure('INVALID_OUTPUT', error), handler) };
    }
  }

  #failure(code: number): Failure {
    const said = this.#lastError === '' ? '' : `: ${this.#lastError}`;
    const message = `the program ended with exit code ${code}${said}`;
    return { ...childFailure('PROGRAM_FAILED', message, this.#work.handler), advice: this.#reports.advice };
  }
}
