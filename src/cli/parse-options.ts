import type { Clock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import { durationMs } from '../ledger/duration.ts';

/* Readers of option values, for commander: they throw LedgerErrors that name the option. */

/** A whole number. */
export function integer(option: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= min && value <= max) return value;
    throw invalid(`${option} to be a whole number from ${min} to ${max}`, text, 'Correct it');
  };
}

/** A duration such as `30s`, in milliseconds. */
export function duration(option: string): (text: string) => number {
  return (text) => durationMs(/^\d+$/.test(text) ? Number(text) : text, option);
}

const moment = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d))?$/;

/** A moment: ISO 8601 with its offset, a day (its start in UTC), or a duration from now (`ago`: before now). */
export function momentOption(option: string, clock: Clock, ago = false): (text: string) => Date {
  return (text) => {
    if (/^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text))
      return new Date(clock.now() + (ago ? -1 : 1) * durationMs(text, option));
    const at = moment.test(text) ? new Date(text) : undefined;
    if (at !== undefined && !Number.isNaN(at.getTime())) return at;
    const example = ago ? '2h for two hours ago' : '2h for in two hours';
    throw invalid(
      `${option} to be a time such as 2026-01-31T08:00:00Z, or ${example}`,
      text,
      'Write the time with its offset',
    );
  };
}

/** One of a few words. */
export function oneOf<T extends string>(option: string, words: readonly T[]): (text: string) => T {
  return (text) => {
    const word = words.find((each) => each === text);
    if (word !== undefined) return word;
    throw invalid(`${option} to be one of ${words.join(', ')}`, text, 'Use one of these words');
  };
}

function invalid(expected: string, text: string, remedy: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', { expected, found: JSON.stringify(text.slice(0, 60)), remedy });
}
