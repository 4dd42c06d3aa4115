import type { Clock } from '../../clock.ts';
import type { Codec } from '../../events/codec.ts';
import type { Handler } from '../../ledger/define-task.ts';
import { ChildExecution } from './child-execution.ts';
import { codecExecution } from './codec-execution.ts';
import type { Execution } from './execution.ts';
import { inlineExecution } from './inline-execution.ts';
import type { Limiting } from './limits/limiting.ts';

/** The ways a runner runs handlers; what holds anything is made on first use. */
export class Executions {
  readonly #clock: Clock;
  readonly #codec: Codec | undefined;
  readonly #limiting: Limiting;
  #children: ChildExecution | undefined;

  constructor(clock: Clock, codec?: Codec, limiting: Limiting = {}) {
    this.#clock = clock;
    this.#codec = codec;
    this.#limiting = limiting;
  }

  of(handler: Handler): Execution {
    const execution = this.#level(handler);
    return this.#codec === undefined ? execution : codecExecution(execution, this.#codec);
  }

  /** Starts the processes that are to wait for the attempts of these handlers. */
  prestart(handlers: Iterable<Handler>): void {
    const pooled = [...handlers].filter(({ isolation }) => isolation?.isolation === 'pool');
    if (pooled.length > 0) this.#inChildren().prestart(pooled);
  }

  /** Processes that wait for attempts of others than these are ended; those that run one, after it. */
  retireOthers(handlers: Iterable<Handler>): void {
    this.#children?.retireOthers(handlers);
  }

  #level({ isolation }: Handler): Execution {
    if (isolation === undefined) return inlineExecution;
    return this.#inChildren();
  }

  #inChildren(): ChildExecution {
    return (this.#children ??= new ChildExecution(this.#clock, this.#limiting));
  }

  /** How long what runs now may take to end once it was told to, at most; nothing can end what runs inline. */
  get longestStopMs(): number {
    return this.#children?.longestStopMs ?? 0;
  }

  /** Ends every process now; resolves when they are gone and their attempts have their endings. */
  async kill(): Promise<void> {
    await this.#children?.kill();
  }

  /** Ends what is left, and gives back what they hold. Not to be used afterwards; twice is fine. */
  async stop(): Promise<void> {
    await this.#children?.stop();
  }
}
