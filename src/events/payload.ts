import { LedgerError } from '../errors.ts';
import { MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH } from './limits.ts';
import { inspectPayload, type PayloadFault } from './payload-faults.ts';
import { repeatedKey } from './repeated-key.ts';

// After JSON.stringify a NUL or a lone surrogate is an escape. An escaped backslash before `u0000` looks the same, so a
// match is a suspicion only; the careful way decides.
const suspicious = /\\u(?:0000|d[89a-f])/;

/**
 * Turns a value into the JSON text the ledger stores, or refuses it: what is read back equals what was given.
 * `toJSON` is honoured and -0 becomes 0. Refused are undefined, functions, symbols, bigints, NaN, infinities, integers
 * beyond ±(2^53 − 1), NUL and lone surrogates in strings or keys, cycles, invalid dates, Maps, Sets and their like.
 * Of class instances the own enumerable properties count; symbol keys are no data, as everywhere in JSON.
 * @param what names the payload in the error: `input of payouts.settle`
 * @throws LedgerError `TASKLEDGER_INVALID_INPUT`, or `TASKLEDGER_LIMIT_EXCEEDED` when only too large or too deep;
 *   `details.issues` lists `{ path, problem }` of each offending place, at most `MAX_REPORTED_FAULTS`
 */
export function encodePayload(value: unknown, what: string): string {
  // Hot: tens of thousands a second. JSON.stringify drops an undefined without a trace, hence a walk (without paths)
  // before it. Anything unusual (a Date, a class instance) goes the careful way. Measured on 130 bytes, four objects:
  // 2.3 µs, of which JSON.stringify alone takes 1.8; the careful way 6.
  const text = encodePlainly(value);
  return text ?? encodeCarefully(value, what);
}

/** The text of a value that is plain JSON throughout, or undefined when it must be looked at more closely. */
function encodePlainly(value: unknown): string | undefined {
  try {
    if (plainSize(value, MAX_PAYLOAD_DEPTH) > MAX_PAYLOAD_BYTES) return undefined;
    const text = JSON.stringify(value);
    return !suspicious.test(text) && fits(text) ? text : undefined;
  } catch {
    // A getter threw; the careful way says where.
    return undefined;
  }
}

/**
 * Reads a payload's JSON text, as a person or a program wrote it.
 * @throws LedgerError `TASKLEDGER_INVALID_INPUT` if it is not JSON, or says a key twice; the text itself is not quoted
 */
export function decodePayload(text: string, what: string): unknown {
  const value = parsed(text, what);
  const repeated = repeatedKey(text);
  if (repeated === undefined) return value;
  throw new LedgerError('TASKLEDGER_INVALID_INPUT', {
    expected: `${what} to say each key once`,
    found: `${repeated} more than once`,
    remedy: 'Keep the one that is meant',
  });
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The message of a SyntaxError quotes the payload: only the place is taken from it.
    const place = /at position \d+/.exec(String(error))?.[0];
    throw new LedgerError('TASKLEDGER_INVALID_INPUT', {
      expected: `${what} to be JSON`,
      found: `text that is not JSON${place === undefined ? '' : ` ${place}`}, ${text.length} characters long`,
      remedy: 'Check quotes, commas and brackets',
    });
  }
}

/**
 * A lower bound of the length of the value's JSON text if it is plain JSON throughout, else Infinity. The bound also
 * ends the walk early when small shared parts unfold into something huge.
 */
function plainSize(value: unknown, room: number): number {
  switch (typeof value) {
    case 'string':
      return value.length + 2;
    case 'number':
      return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? 1 : Infinity;
    case 'boolean':
      return 4;
    case 'object':
      if (value === null) return 4;
      if (room === 0 || typeof (value as { toJSON?: unknown }).toJSON === 'function') return Infinity;
      return Array.isArray(value) ? plainArraySize(value, room - 1) : plainObjectSize(value, room - 1);
    case 'undefined':
    case 'bigint':
    case 'function':
    case 'symbol':
      return Infinity;
  }
}

function plainArraySize(values: readonly unknown[], room: number): number {
  let size = 1;
  for (let i = 0; i < values.length; i += 1) {
    size += plainSize(values[i], room) + 1;
    if (size > MAX_PAYLOAD_BYTES) return Infinity;
  }
  return size;
}

function plainObjectSize(value: object, room: number): number {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return Infinity;
  let size = 1;
  for (const key of Object.keys(value)) {
    size += key.length + plainSize((value as Record<string, unknown>)[key], room) + 4;
    if (size > MAX_PAYLOAD_BYTES) return Infinity;
  }
  return size;
}

// A UTF-16 unit is at most three bytes of UTF-8, so short texts need no counting.
function fits(text: string): boolean {
  return text.length * 3 <= MAX_PAYLOAD_BYTES || Buffer.byteLength(text) <= MAX_PAYLOAD_BYTES;
}

function encodeCarefully(value: unknown, what: string): string {
  const { copy, faults } = inspectPayload(value);
  if (faults.length > 0) throw refusal(what, faults);
  const text = JSON.stringify(copy);
  if (fits(text)) return text;
  throw refusal(what, [{ path: '$', problem: `is ${Buffer.byteLength(text)} bytes of JSON`, limit: true }]);
}

function refusal(what: string, faults: readonly PayloadFault[]): LedgerError {
  const limitsOnly = faults.every((fault) => fault.limit);
  const shown = faults.slice(0, 3).map(({ path, problem }) => `${path} ${problem}`);
  const more = faults.length > shown.length ? `; and ${faults.length - shown.length} more` : '';
  return new LedgerError(limitsOnly ? 'TASKLEDGER_LIMIT_EXCEEDED' : 'TASKLEDGER_INVALID_INPUT', {
    expected: limitsOnly
      ? `${what} of at most ${MAX_PAYLOAD_BYTES} bytes of JSON, nested at most ${MAX_PAYLOAD_DEPTH} deep`
      : `${what} to be JSON the ledger can store exactly`,
    found: shown.join('; ') + more,
    remedy: limitsOnly
      ? 'Store the bulk elsewhere and pass a reference to it'
      : 'Convert these places first, for example bigints to strings, or leave the keys out',
    details: { issues: faults.map(({ path, problem }) => ({ path, problem })) },
  });
}
