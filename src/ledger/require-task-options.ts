import { LedgerError } from '../errors.ts';
import { MAX_PRIORITY, MIN_PRIORITY } from '../events/limits.ts';
import { refuseUnknownOptions, requireInteger } from './known-options.ts';

/** What an option must be. */
export type OptionKind =
  'text' | 'integer' | 'true or false' | 'a function' | 'a Standard Schema' | 'checked elsewhere';

/** What the types say, for callers that have none. @throws LedgerError TASKLEDGER_INVALID_OPTION */
export function requireTaskOptions(options: object, kinds: Readonly<Record<string, OptionKind>>): void {
  refuseUnknownOptions(options, new Set(Object.keys(kinds)), 'defineTask');
  for (const [option, kind] of Object.entries(kinds)) {
    const value = (options as Readonly<Record<string, unknown>>)[option];
    if (value === undefined) continue;
    if (kind === 'integer') requireInteger(value, option, { min: MIN_PRIORITY, max: MAX_PRIORITY });
    else if (!isOfKind(value, kind)) throw wrongKind(option, kind, value);
  }
  if ('verify' in options && options.verify !== undefined && !('protected' in options && options.protected === true)) {
    throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
      expected: 'verify together with protected: true',
      found: 'a task that is not protected, and so is never in doubt',
      remedy: 'Add protected: true in defineTask, or leave verify out',
    });
  }
}

/** @throws LedgerError TASKLEDGER_INVALID_OPTION */
export function requireBackoffKind(kind: unknown): void {
  if (kind === 'fixed' || kind === 'exponential') return;
  throw wrongKind('retry.backoff.kind', 'fixed or exponential', kind);
}

function isOfKind(value: unknown, kind: Exclude<OptionKind, 'integer'>): boolean {
  switch (kind) {
    case 'text':
      return typeof value === 'string';
    case 'true or false':
      return typeof value === 'boolean';
    case 'a function':
      return typeof value === 'function';
    case 'a Standard Schema':
      // Some libraries' schemas are functions.
      return ((typeof value === 'object' && value !== null) || typeof value === 'function') && '~standard' in value;
    case 'checked elsewhere':
      return true;
  }
}

function wrongKind(option: string, expected: string, value: unknown): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `${option} to be ${expected}`,
    found:
      typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : value === null ? 'null' : `a ${typeof value}`,
    remedy: 'Correct it in defineTask',
  });
}
