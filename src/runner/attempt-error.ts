import { LedgerError } from '../errors.ts';
import { encodePayload } from '../events/payload.ts';

/** Longest message and stack that enter the log, in characters; the rest is cut. */
const MAX_ERROR_TEXT = 4000;
const maxCauses = 3;

function storable(text: string): string {
  return text.slice(0, MAX_ERROR_TEXT).toWellFormed().replaceAll('\0', '\uFFFD');
}

function describe(error: unknown, causesLeft: number): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: storable(String(error)) };
  const described: Record<string, unknown> = { name: storable(error.name), message: storable(error.message) };
  if (error.stack !== undefined) described['stack'] = storable(error.stack);
  if (error.cause !== undefined && causesLeft > 0) described['cause'] = describe(error.cause, causesLeft - 1);
  return described;
}

/** Stable codes of what can go wrong in an attempt, as recorded in `error.code`. */
export type AttemptErrorCode = 'HANDLER_ERROR' | 'INVALID_INPUT' | 'INVALID_OUTPUT' | 'TIMEOUT' | 'NO_HANDLER';

/** The JSON text of an attempt's error: code, name, message, stack and up to three causes, each cut to a bounded size. */
export function attemptErrorJson(code: AttemptErrorCode, error: unknown): string {
  const details = error instanceof LedgerError && error.details !== undefined ? { details: error.details } : {};
  return encodePayload({ code, ...describe(error, maxCauses), ...details }, 'error of the attempt');
}
