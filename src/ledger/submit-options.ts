import { LedgerError } from '../errors.ts';
import { encodePayload } from '../events/payload.ts';
import type { RetryPolicy } from '../events/submitted.ts';
import { refuseUnknownOptions } from './known-options.ts';
import { requirePluginRange } from './plugin-range.ts';

/** What may be said of one task besides its name and input. Times are moments with their offset, or Dates. */
export interface SubmitOptions {
  /** Makes submit idempotent: unique per realm and task name for as long as the log is kept. */
  readonly key?: string;
  readonly queue?: string;
  /** For fairness between tenants. */
  readonly group?: string;
  /** −100 … 100, larger first; default 0. */
  readonly priority?: number;
  readonly startAfter?: Date | string;
  readonly startBefore?: Date | string;
  readonly deadline?: Date | string;
  readonly retry?: RetryPolicy;
  readonly timeoutMs?: number;
  readonly protected?: boolean;
  /** The versions of its plugin that may run it, as npm has ranges: `^3`, `>=2.3 <4`. Default: the newest there is. */
  readonly plugin?: string;
}

type Kind = 'text' | 'number' | 'boolean' | 'moment' | 'object';

/** Every option of a task: how SQL calls it, and what JavaScript callers must pass. Ranges are judged by the ledger. */
const optionColumns: readonly (readonly [keyof SubmitOptions, string, Kind])[] = [
  ['key', 'key', 'text'],
  ['queue', 'queue', 'text'],
  ['group', 'group', 'text'],
  ['priority', 'priority', 'number'],
  ['startAfter', 'start_after', 'moment'],
  ['startBefore', 'start_before', 'moment'],
  ['deadline', 'deadline', 'moment'],
  ['retry', 'retry', 'object'],
  ['timeoutMs', 'timeout_ms', 'number'],
  ['protected', 'protected', 'boolean'],
  ['plugin', 'plugin', 'text'],
];

const ofTask = optionColumns.map(([key]) => key as string);
const itemOptions: ReadonlySet<string> = new Set([...ofTask, 'input']);
const callOptions: ReadonlySet<string> = new Set([...ofTask, 'tx', 'realm', 'context', 'durability']);

/** The options of one task as members of a JSON object, each after a comma. @throws LedgerError TASKLEDGER_INVALID_OPTION */
export function optionsJson(options: SubmitOptions): string {
  let json = '';
  for (const [key, column, kind] of optionColumns) {
    const value = options[key];
    if (value === undefined) continue;
    if (!isOfKind(value, kind)) throw wrongType(key, kind, value);
    if (key === 'plugin') requirePluginRange(value as string);
    json += `,"${column}":${encodePayload(value, `option ${key}`)}`;
  }
  return json;
}

/** @throws LedgerError TASKLEDGER_INVALID_OPTION when a call of `submit` or `submitMany` has an option they do not know */
export function requireCallOptions(call: unknown, what: 'submit' | 'submitMany'): void {
  refuseUnknownOptions(call, callOptions, what);
}

/** @throws LedgerError TASKLEDGER_INVALID_OPTION when an item of `submitMany` has an option it does not know */
export function requireItemOptions(item: unknown): void {
  refuseUnknownOptions(item ?? null, itemOptions, 'an item of submitMany');
}

/** @throws LedgerError TASKLEDGER_INVALID_OPTION when what `submitMany` was given is no array */
export function requireItems(items: unknown): void {
  if (Array.isArray(items)) return;
  throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: 'the items of submitMany to be an array of { input, … }',
    found: items === null ? 'null' : `a ${typeof items}`,
    remedy: 'Pass an array, or call submit for one task',
  });
}

/** A number in quotes would be stored as what it means, until one day it means nothing: refused at once. */
function isOfKind(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case 'text':
      return typeof value === 'string';
    case 'number':
      return Number.isFinite(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'moment':
      return typeof value === 'string' || (value instanceof Date && !Number.isNaN(value.getTime()));
    case 'object':
      return typeof value === 'object' && value !== null;
  }
}

function wrongType(key: string, kind: Kind, value: unknown): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `option ${key} to be ${kind === 'moment' ? 'a Date, or a time with its offset such as 2026-01-31T08:00:00Z' : kind}`,
    found: shown(value),
    remedy: 'Correct it and submit again; nothing of this call was recorded',
  });
}

function shown(value: unknown): string {
  if (value instanceof Date) return 'an invalid Date';
  return value === null || typeof value === 'number' ? String(value) : `a ${typeof value}`;
}
