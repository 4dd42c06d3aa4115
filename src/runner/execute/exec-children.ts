import type { ChildWork } from './child-attempt.ts';
import type { ChildPlace } from './child-place.ts';
import type { ChildProgram } from './child-program.ts';
import { execArguments } from './exec-arguments.ts';
import { ExecAttempt } from './exec-attempt.ts';
import { execVariables, writeExecFiles } from './exec-files.ts';
import type { Ending } from './execution.ts';
import { noDirectory } from './not-started.ts';

/**
 * Any program, fresh for each attempt. It need not know that there is a ledger: the task comes as arguments, variables and
 * files, and the exit code says how it went.
 */
export class ExecChildren {
  readonly #place: ChildPlace;

  constructor(place: ChildPlace) {
    this.#place = place;
  }

  /** @throws AttemptFailure INVALID_INPUT, CHILD_DIRECTORY_FAILED, those of `ChildPlace.start` */
  async run(work: ChildWork<ChildProgram>): Promise<Ending> {
    const { program, attempt, directory } = work;
    const args = execArguments(program.args, attempt, directory);
    try {
      writeExecFiles(directory, attempt);
    } catch (error) {
      throw noDirectory(error);
    }
    const env = { ...program.env, ...execVariables(directory, attempt) };
    const child = await this.#place.start({ ...program, args, env }, directory);
    const running = new ExecAttempt(work, child);
    child.listen(running);
    return running.ending(await child.ended);
  }
}
