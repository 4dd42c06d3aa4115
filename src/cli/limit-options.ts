import { LedgerError } from '../errors.ts';
import { limitNames, type LimitName, type LimitOptions } from '../ledger/child-limits.ts';

/**
 * Collects `--limit NAME=VALUE …`. What a value means is checked by the runner, with all the others.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION
 */
export function limitOption(text: string, before: LimitOptions = {}): LimitOptions {
  const [, name = '', value = ''] = /^(\w+)=(.+)$/s.exec(text) ?? [];
  if (!limitNames.some((one) => one === name)) {
    throw invalid(`--limit NAME=VALUE with one of ${limitNames.join(', ')}`, JSON.stringify(text.slice(0, 60)));
  }
  if (Object.hasOwn(before, name)) throw invalid('each limit once', `${name} twice`);
  return { ...before, [name]: name === 'files' || name === 'processes' ? Number(value) : value };
}

/** Collects `--require NAME …`. @throws LedgerError TASKLEDGER_INVALID_OPTION */
export function requireOption(text: string, before: readonly LimitName[] = []): LimitName[] {
  const name = limitNames.find((one) => one === text);
  if (name === undefined)
    throw invalid(`--require with some of ${limitNames.join(', ')}`, JSON.stringify(text.slice(0, 60)));
  return [...before, name];
}

function invalid(expected: string, found: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', { expected, found, remedy: 'Correct it' });
}
