import { MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH } from './limits.ts';

/** Most faults reported of one payload. */
export const MAX_REPORTED_FAULTS = 20;

/** One place of a payload that cannot be stored, as a JSON path: `$.lines[3].amount`. Never the value found there. */
export interface PayloadFault {
  readonly path: string;
  readonly problem: string;
  /** True when the place is fine as JSON and only too large or too deep. */
  readonly limit: boolean;
}

interface Inspection {
  readonly faults: PayloadFault[];
  /** Keys and indexes from the root to the place looked at. */
  readonly path: (string | number)[];
  /** The containers on that way: meeting one of them again is a cycle. */
  readonly ancestors: object[];
  /** Lower bound of the JSON text's length so far. */
  size: number;
}

/**
 * The careful way through a payload: every fault with its path, and a copy that holds what `toJSON` answered, so that
 * what was looked at is what gets written. The copy means something only when there are no faults.
 */
export function inspectPayload(value: unknown): { copy: unknown; faults: readonly PayloadFault[] } {
  const inspection: Inspection = { faults: [], path: [], ancestors: [], size: 0 };
  const copy = copyOf(value, inspection);
  return { copy, faults: inspection.faults };
}

function copyOf(value: unknown, inspection: Inspection): unknown {
  if (isOver(inspection)) return null;
  if (typeof value !== 'object' || value === null) return copyOfScalar(value, inspection);
  if (value instanceof Date && Number.isNaN(value.getTime())) return fault(inspection, 'is an invalid date');
  const toJSON = read(value, 'toJSON');
  if (toJSON === throwing) return fault(inspection, 'has a toJSON that throws');
  if (typeof toJSON !== 'function') return copyOfContainer(value, inspection);
  let answer: unknown;
  try {
    answer = toJSON.call(value, String(inspection.path.at(-1) ?? ''));
  } catch {
    return fault(inspection, 'has a toJSON that throws');
  }
  // As in JSON.stringify, the answer's own toJSON is not asked again.
  const isContainer = typeof answer === 'object' && answer !== null;
  return isContainer ? copyOfContainer(answer as object, inspection) : copyOfScalar(answer, inspection);
}

function copyOfScalar(value: unknown, inspection: Inspection): unknown {
  inspection.size += typeof value === 'string' ? value.length + 2 : 1;
  if (value === null || typeof value === 'boolean') return value;
  const problem =
    typeof value === 'string' ? problemOfText(value) : typeof value === 'number' ? problemOfNumber(value) : undefined;
  if (problem !== undefined) return fault(inspection, problem);
  if (typeof value === 'string' || typeof value === 'number') return value;
  return fault(inspection, value === undefined ? 'is undefined' : `is a ${typeof value}`);
}

function copyOfContainer(value: object, inspection: Inspection): unknown {
  const { ancestors } = inspection;
  if (ancestors.includes(value)) return fault(inspection, 'refers back to what contains it');
  if (ancestors.length >= MAX_PAYLOAD_DEPTH) {
    return fault(inspection, `is nested more than ${MAX_PAYLOAD_DEPTH} deep`, true);
  }
  if (!Array.isArray(value) && !isRecord(value)) return fault(inspection, `is a ${tagOf(value)}, not plain JSON`);
  ancestors.push(value);
  const copy = Array.isArray(value) ? copyOfArray(value, inspection) : copyOfRecord(value, inspection);
  ancestors.pop();
  return copy;
}

function copyOfArray(values: readonly unknown[], inspection: Inspection): unknown[] {
  const copy: unknown[] = [];
  inspection.size += 1;
  for (let i = 0; i < values.length && !isOver(inspection); i += 1) {
    inspection.size += 1;
    inspection.path.push(i);
    const item = read(values, i);
    copy.push(item === throwing ? fault(inspection, 'throws when it is read') : copyOf(item, inspection));
    inspection.path.pop();
  }
  return copy;
}

function copyOfRecord(value: object, inspection: Inspection): unknown {
  // Without a prototype, so that a key named `__proto__` is a key like any other.
  const copy = Object.create(null) as Record<string, unknown>;
  inspection.size += 1;
  for (const key of Object.keys(value)) {
    if (isOver(inspection)) break;
    inspection.size += key.length + 4;
    inspection.path.push(key);
    const problem = problemOfText(key);
    if (problem !== undefined) fault(inspection, `has a key that ${problem}`);
    const member = read(value, key);
    copy[key] = member === throwing ? fault(inspection, 'throws when it is read') : copyOf(member, inspection);
    inspection.path.pop();
  }
  return copy;
}

const throwing = Symbol('a getter that throws');

/** A member, read once; getters are somebody's code. */
function read(value: object, key: string | number): unknown {
  try {
    return (value as Readonly<Record<string | number, unknown>>)[key];
  } catch {
    return throwing;
  }
}

function problemOfText(text: string): string | undefined {
  if (text.includes('\0')) return 'contains NUL (U+0000)';
  return /\p{Surrogate}/u.test(text) ? 'contains half a surrogate pair' : undefined;
}

function problemOfNumber(value: number): string | undefined {
  if (!Number.isFinite(value)) return `is ${value}`;
  return Math.abs(value) > Number.MAX_SAFE_INTEGER ? 'is a number beyond ±(2^53 − 1)' : undefined;
}

// Instances of classes count by their own enumerable properties; Map, Set, Promise, Error, typed arrays … would lose all.
function isRecord(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null || tagOf(value) === 'Object';
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

function isOver(inspection: Inspection): boolean {
  if (inspection.faults.length >= MAX_REPORTED_FAULTS) return true;
  if (inspection.size <= MAX_PAYLOAD_BYTES) return false;
  const known = inspection.faults.some(({ path, limit }) => path === '$' && limit);
  if (!known)
    inspection.faults.push({ path: '$', problem: `is more than ${MAX_PAYLOAD_BYTES} bytes of JSON`, limit: true });
  return true;
}

function fault({ faults, path }: Inspection, problem: string, limit = false): null {
  if (faults.length < MAX_REPORTED_FAULTS) faults.push({ path: formatPath(path), problem, limit });
  return null;
}

function formatPath(path: readonly (string | number)[]): string {
  return path.reduce<string>((prefix, step) => {
    if (typeof step === 'number') return `${prefix}[${step}]`;
    const shown = step.length > 40 ? `${step.slice(0, 40)}…` : step;
    return /^[\p{L}_$][\p{L}\p{N}_$]*…?$/u.test(shown) ? `${prefix}.${shown}` : `${prefix}[${JSON.stringify(shown)}]`;
  }, '$');
}
