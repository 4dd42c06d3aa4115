import { LedgerError } from '../errors.ts';
import { encodePayload } from '../events/payload.ts';

/** Longest message and stack that enter the log, in characters; the rest is cut. */
const MAX_ERROR_TEXT = 4000;
const maxCauses = 3;

/** Handlers throw anything, and give errors names and messages that are no strings: not all of it has a text. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'something that cannot be shown as text';
  }
}

function storable(value: unknown): string {
  return textOf(value).slice(0, MAX_ERROR_TEXT).toWellFormed().replaceAll('\0', '\uFFFD');
}

/** Undefined where asking throws: the stack is made when first asked for, out of whatever the message is by then. */
function stackOf(error: Error): string | undefined {
  try {
    return error.stack;
  } catch {
    return undefined;
  }
}

function describe(error: unknown, causesLeft: number): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: storable(error) };
  const described: Record<string, unknown> = { name: storable(error.name), message: storable(error.message) };
  const stack = stackOf(error);
  if (stack !== undefined) described['stack'] = storable(stack);
  if (error.cause !== undefined && causesLeft > 0) described['cause'] = describe(error.cause, causesLeft - 1);
  return described;
}

/** Stable codes of what can go wrong in an attempt, as recorded in `error.code`. */
export type AttemptErrorCode = 'HANDLER_ERROR' | 'INVALID_INPUT' | 'INVALID_OUTPUT' | 'TIMEOUT' | 'NO_HANDLER';

/**
 * The JSON text of an attempt's error: code, name, message, stack and up to three causes, each cut to a bounded size.
 * Never throws, whatever was thrown: an attempt without an outcome would stay in hand for ever.
 */
export function attemptErrorJson(code: AttemptErrorCode, error: unknown): string {
  const described = { code, ...describe(error, maxCauses) };
  const details = error instanceof LedgerError ? error.details : undefined;
  if (details !== undefined) {
    try {
      return encodePayload({ ...described, details }, 'error of the attempt');
    } catch {
      // A schema's issues may quote what cannot be stored, such as a key with NUL in it; the message says the most of it.
    }
  }
  return encodePayload(described, 'error of the attempt');
}
