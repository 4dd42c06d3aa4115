import { LedgerError } from '../errors.ts';
import { encodePayload } from '../events/payload.ts';
import type { AttemptErrorCode } from './attempt-error-codes.ts';

/** Longest message and stack that enter the log, in characters; the rest is cut. */
const MAX_ERROR_TEXT = 4000;
const maxCauses = 3;

/**
 * A thrown object's JSON says what it holds; `[object Object]` says nothing. One that has a text of its own keeps it, and
 * one that has no JSON gets whatever text there is.
 */
function shownAs(thrown: unknown): string {
  const text = textOf(thrown);
  if (!Array.isArray(thrown) && !/^\[object \w+\]$/.test(text)) return text;
  try {
    // Undefined where its toJSON says so.
    return textOf(JSON.stringify(thrown));
  } catch {
    return text;
  }
}

/** Handlers throw anything, and give errors names and messages that are no strings: not all of it has a text. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'something that cannot be shown as text';
  }
}

function storable(value: unknown): string {
  return shownAs(value).slice(0, MAX_ERROR_TEXT).toWellFormed().replaceAll('\0', '\uFFFD');
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

/** What is told of an error: name, message, stack, up to three causes, each cut to a bounded size, and the details of ours. */
export type DescribedError = Readonly<Record<string, unknown>>;

/** Never throws, whatever was thrown: an attempt without an outcome would stay in hand for ever. */
export function describeError(error: unknown): DescribedError {
  const described = describe(error, maxCauses);
  return error instanceof LedgerError && error.details !== undefined
    ? { ...described, details: error.details }
    : described;
}

/** The JSON text of an attempt's error. Never throws. */
export function attemptErrorJson(code: AttemptErrorCode, described: DescribedError): string {
  const { details, ...rest } = described;
  if (details !== undefined) {
    try {
      return encodePayload({ code, ...rest, details }, 'error of the attempt');
    } catch {
      // A schema's issues may quote what cannot be stored, such as a key with NUL in it; the message says the most of it.
    }
  }
  return encodePayload({ code, ...rest }, 'error of the attempt');
}
