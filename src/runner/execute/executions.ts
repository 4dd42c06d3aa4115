import type { Clock } from '../../clock.ts';
import type { Codec } from '../../events/codec.ts';
import type { Handler } from '../../ledger/define-task.ts';
import { codecExecution } from './codec-execution.ts';
import type { Execution } from './execution.ts';
import { inlineExecution } from './inline-execution.ts';
import { ProcessExecution } from './process-execution.ts';

/** The executions of a runner, one for each level of isolation; those that hold anything are made on first use. */
export class Executions {
  readonly #clock: Clock;
  readonly #codec: Codec | undefined;
  #process: ProcessExecution | undefined;

  constructor(clock: Clock, codec?: Codec) {
    this.#clock = clock;
    this.#codec = codec;
  }

  of(handler: Handler): Execution {
    const execution = this.#level(handler);
    return this.#codec === undefined ? execution : codecExecution(execution, this.#codec);
  }

  #level({ isolation }: Handler): Execution {
    if (isolation === undefined) return inlineExecution;
    return (this.#process ??= new ProcessExecution(this.#clock));
  }

  /** How long what runs now may take to end once it was told to, at most; nothing can end what runs inline. */
  get longestStopMs(): number {
    return this.#process?.longestStopMs ?? 0;
  }

  /** Ends every process now; resolves when they are gone and their attempts have their endings. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** Ends what is left, and gives back what they hold. Not to be used afterwards; twice is fine. */
  async stop(): Promise<void> {
    await this.#process?.stop();
  }
}
