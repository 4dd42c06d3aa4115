import { encodePayload } from '../../events/payload.ts';
import type { HandlerContext } from '../../ledger/define-task.ts';
import { checkedBySchema } from '../../ledger/standard-schema.ts';
import type { Callable } from './callable.ts';
import type { Ending } from './execution.ts';
import { AttemptFailure, failureOf } from './failure.ts';

/** A context whose input is replaced by what the schema made of it. */
type CallContext = HandlerContext<unknown> & { input: unknown };

/**
 * Checks the input, calls the handler in this process, checks and encodes its output. Synchronous when everything in it
 * is, so that a batch of small tasks costs no turn of the loop each.
 */
export function callHandler(handler: Callable, context: CallContext): Ending | Promise<Ending> {
  const failed = (error: unknown): Ending => ({ failure: failureOf(error, handler) });
  try {
    const { input, output } = handler.definition;
    const result = input === undefined ? handler.run(context) : checkAndRun(handler, context);
    if (!isThenable(result) && output === undefined) return completed(result, context.name);
    return Promise.resolve(result)
      .then((returned) => checkOutput(handler, returned))
      .then((checked) => completed(checked, context.name))
      .catch(failed);
  } catch (error) {
    return failed(error);
  }
}

/**
 * What the schema makes of an input.
 * @throws AttemptFailure INVALID_INPUT
 */
export async function checkInput({ definition }: Callable, input: unknown): Promise<unknown> {
  try {
    return await checkedBySchema(definition.input, input, `the input of ${definition.name}`);
  } catch (error) {
    throw new AttemptFailure('INVALID_INPUT', error);
  }
}

async function checkAndRun(handler: Callable, context: CallContext): Promise<unknown> {
  context.input = await checkInput(handler, context.input);
  return handler.run(context);
}

async function checkOutput({ definition }: Callable, output: unknown): Promise<unknown> {
  if (definition.output === undefined) return output;
  try {
    return await checkedBySchema(definition.output, output, `the output of ${definition.name}`);
  } catch (error) {
    throw new AttemptFailure('INVALID_OUTPUT', error);
  }
}

function completed(output: unknown, name: string): Ending {
  if (output === undefined) return { outputJson: null };
  try {
    return { outputJson: encodePayload(output, `the output of ${name}`) };
  } catch (error) {
    throw new AttemptFailure('INVALID_OUTPUT', error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
