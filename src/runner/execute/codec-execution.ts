import { encodeError, encodeJson, type Codec, type PayloadAbout } from '../../events/codec.ts';
import type { Handler } from '../../ledger/define-task.ts';
import type { Progress } from '../../ledger/progress.ts';
import type { Ending, Execution, RunningAttempt, StopReason } from './execution.ts';
import { AttemptFailure, failureOf, type Failure } from './failure.ts';

/**
 * An execution whose handlers see decoded payloads, and whose endings are encoded. A codec that throws fails the attempt, and
 * nothing else: it may have a key service behind it that is away for a while.
 */
export function codecExecution(execution: Execution, codec: Codec): Execution {
  return { run: (attempt, handler) => runDecoded({ execution, codec }, attempt, handler) };
}

interface Decoding {
  readonly execution: Execution;
  readonly codec: Codec;
}

async function runDecoded({ execution, codec }: Decoding, attempt: RunningAttempt, handler: Handler): Promise<Ending> {
  const { taskId, name } = attempt;
  let ending: Ending;
  let input: unknown;
  try {
    input = await codec.decode(attempt.input, { what: 'input', name, taskId });
    const { checkpoint } = attempt;
    const resumed =
      checkpoint === undefined ? undefined : await codec.decode(checkpoint, { what: 'checkpoint', name, taskId });
    ending = await execution.run(new DecodedAttempt(attempt, input, resumed, codec), handler);
  } catch (error) {
    ending = { failure: failureOf(error, handler) };
  }
  const about = { name, taskId, input };
  return 'failure' in ending
    ? { ...ending, failure: await encodedFailure(ending.failure, codec, { ...about, what: 'error' }) }
    : await encodedOutput(ending, handler, codec, { ...about, what: 'output' });
}

async function encodedOutput(
  ending: Ending & { readonly outputJson: string | null },
  handler: Handler,
  codec: Codec,
  about: PayloadAbout,
): Promise<Ending> {
  if (ending.outputJson === null) return ending;
  try {
    return { ...ending, outputJson: await encodeJson(ending.outputJson, codec, about) };
  } catch (error) {
    const { outputJson: _outputJson, ...rest } = ending;
    const failure = failureOf(new AttemptFailure('INVALID_OUTPUT', error), handler);
    return { ...rest, failure: await encodedFailure(failure, codec, { ...about, what: 'error' }) };
  }
}

/** Its texts may quote payloads: what cannot be encoded is not stored. */
async function encodedFailure(failure: Failure, codec: Codec, about: PayloadAbout): Promise<Failure> {
  try {
    return { ...failure, error: await encodeError(failure.error, codec, about) };
  } catch {
    return { ...failure, error: { message: 'not stored: the codec could not encode it' } };
  }
}

/** The attempt as its handler sees it. */
class DecodedAttempt implements RunningAttempt {
  readonly checkpoint: unknown;
  input: unknown;
  readonly #attempt: RunningAttempt;
  readonly #codec: Codec;
  readonly #decodedInput: unknown;

  constructor(attempt: RunningAttempt, input: unknown, checkpoint: unknown, codec: Codec) {
    this.#attempt = attempt;
    this.#codec = codec;
    this.#decodedInput = input;
    this.input = input;
    this.checkpoint = checkpoint;
  }

  get taskId(): string {
    return this.#attempt.taskId;
  }

  get name(): string {
    return this.#attempt.name;
  }

  get attempt(): number {
    return this.#attempt.attempt;
  }

  get lease(): RunningAttempt['lease'] {
    return this.#attempt.lease;
  }

  get runAt(): Date {
    return this.#attempt.runAt;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  get stoppedFor(): StopReason | undefined {
    return this.#attempt.stoppedFor;
  }

  get log(): RunningAttempt['log'] {
    return this.#attempt.log;
  }

  get tail(): RunningAttempt['tail'] {
    return this.#attempt.tail;
  }

  /** Bound, since handlers take it out of their context. It never rejects: a checkpoint that cannot be encoded is left out. */
  readonly progress = async (progress: Progress): Promise<void> => {
    const { checkpoint, ...told } = progress;
    if (checkpoint === undefined) {
      await this.#attempt.progress(told);
      return;
    }
    const about = { what: 'checkpoint', name: this.name, taskId: this.taskId, input: this.#decodedInput } as const;
    const encoded = await Promise.resolve()
      .then(() => this.#codec.encode(checkpoint, about))
      .catch(() => undefined);
    await this.#attempt.progress(encoded === undefined ? told : { ...told, checkpoint: encoded });
  };
}
