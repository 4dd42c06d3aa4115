import type { Clock } from '../../clock.ts';
import type { Handler } from '../../ledger/define-task.ts';
import type { ChildLimits } from '../../ledger/child-limits.ts';
import { limitsOf, type ChildIsolation, type PoolLimits } from '../../ledger/isolation.ts';
import { checkInput } from './call-handler.ts';
import type { ChildWork } from './child-attempt.ts';
import { childFailure } from './child-ending.ts';
import { ChildPlace } from './child-place.ts';
import { ChildPools } from './child-pools.ts';
import type { ChildProgram, SpeakingProgram } from './child-program.ts';
import { ExecChildren } from './exec-children.ts';
import type { Ending, Execution, RunningAttempt } from './execution.ts';
import { AttemptFailure, failureOf } from './failure.ts';
import { FreshChildren } from './fresh-children.ts';
import type { Limiting } from './limits/limiting.ts';
import { handlerProgram } from './handler-program.ts';
import { termMs } from './stop-ladder.ts';

/** The levels `process` and `pool`: what is the same for an attempt whether its child process is fresh or warm. */
export class ChildExecution implements Execution {
  readonly #caps: ChildLimits | undefined;
  readonly #place: ChildPlace;
  readonly #fresh: FreshChildren;
  readonly #exec: ExecChildren;
  readonly #pools: ChildPools;
  readonly #running = new Map<Promise<Ending>, ChildProgram>();

  constructor(clock: Clock, limiting: Limiting = {}) {
    this.#caps = limiting.caps;
    this.#place = new ChildPlace(clock, limiting);
    this.#fresh = new FreshChildren(this.#place, clock);
    this.#exec = new ExecChildren(this.#place);
    this.#pools = new ChildPools(this.#place, clock);
  }

  /** How long what runs now may take to end once it was told to, at most. */
  get longestStopMs(): number {
    return Math.max(0, ...[...this.#running.values()].map(({ graceMs }) => graceMs + termMs));
  }

  /** Starts the warm children of these handlers; what goes wrong there is told by the first attempt. */
  prestart(handlers: Iterable<Handler>): void {
    for (const [isolation, program] of this.#pooled(handlers)) this.#pools.of(isolation, program).prestart();
  }

  /** Ends the warm children of others than these handlers, those that run an attempt after it. */
  retireOthers(handlers: Iterable<Handler>): void {
    this.#pools.retireOthers(this.#pooled(handlers));
  }

  async run(attempt: RunningAttempt, handler: Handler): Promise<Ending> {
    const { isolation } = handler;
    if (isolation === undefined) throw new Error('expected a handler that runs in a child process');
    try {
      // What the schema makes of it need not be JSON: the child checks again, and gives that to the handler.
      await checkInput(handler, attempt.input);
    } catch (error) {
      return { failure: failureOf(error, handler) };
    }
    const program = this.#program(isolation);
    const ending = this.#runChild({ attempt, handler, program }, isolation);
    this.#running.set(ending, program);
    const ended = await ending;
    this.#running.delete(ending);
    return ended;
  }

  /** Ends every child with SIGKILL; resolves when their attempts have their endings. No warm ones are started any more. */
  async kill(): Promise<void> {
    this.#pools.close();
    this.#place.kill();
    await Promise.all(this.#running.keys());
  }

  /** Ends what is left, warm children too, and gives back what they hold. Not to be used afterwards. */
  async stop(): Promise<void> {
    await this.#pools.stop();
    await this.#place.stop();
    await Promise.all(this.#running.keys());
  }

  #pooled(handlers: Iterable<Handler>): (readonly [PoolLimits, SpeakingProgram])[] {
    return [...handlers].flatMap(({ isolation }) => {
      if (isolation?.isolation !== 'pool') return [];
      const program = this.#program(isolation);
      return isSpeaking(program) ? [[isolation, program] as const] : [];
    });
  }

  #program(isolation: ChildIsolation): ChildProgram | SpeakingProgram {
    const program = handlerProgram(isolation);
    const limits = limitsOf(isolation, this.#caps);
    return limits === undefined ? program : { ...program, limits };
  }

  /** Never rejects. */
  async #runChild(task: Omit<ChildWork<ChildProgram>, 'directory'>, isolation: ChildIsolation): Promise<Ending> {
    const { handler, program } = task;
    try {
      if (isolation.isolation === 'pool' && isSpeaking(program))
        return await this.#pools.of(isolation, program).run({ ...task, program });
      return await this.#runFresh(task);
    } catch (error) {
      if (error instanceof AttemptFailure) return { failure: failureOf(error, handler) };
      return { failure: childFailure('RUNNER_FAULT', 'the runner failed while the attempt ran', handler, error) };
    }
  }

  /** In a child and a directory made for it. */
  async #runFresh(task: Omit<ChildWork<ChildProgram>, 'directory'>): Promise<Ending> {
    const { program } = task;
    const directory = this.#place.makeDirectory();
    try {
      if (program.limits !== undefined) await this.#place.fitDirectory(directory, program.limits, false);
      return isSpeaking(program)
        ? await this.#fresh.run({ ...task, program, directory })
        : await this.#exec.run({ ...task, directory });
    } finally {
      await this.#place.removeDirectory(directory);
    }
  }
}

/** Those that run in warm children, and in which. */
function isSpeaking(program: ChildProgram): program is SpeakingProgram {
  return 'entry' in program;
}
