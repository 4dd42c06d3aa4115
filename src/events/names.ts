import { z } from 'zod';

import { LedgerError } from '../errors.ts';
import { MAX_NAME_LENGTH } from './limits.ts';

/** A site or a realm: `ams`, `eu-west-2`. At most 30 characters, since it becomes part of Postgres names. */
export const siteNamePattern = /^[a-z][a-z0-9-]{0,29}$/;

/** A task name: dotted words, `payouts.settle`. At most `MAX_NAME_LENGTH` characters. */
export const taskNamePattern = /^[a-zA-Z][a-zA-Z0-9_-]*(\.[a-zA-Z0-9_-]+)*$/;

/** True for a well-formed site or realm name. */
export function isSiteName(text: string): boolean {
  return siteNamePattern.test(text);
}

/** True for a well-formed task name. */
export function isTaskName(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && taskNamePattern.test(text);
}

/** Schema of a site or realm name. */
export const siteNameSchema = z.string().regex(siteNamePattern);

/** Schema of a task name. */
export const taskNameSchema = z.string().max(MAX_NAME_LENGTH).regex(taskNamePattern);

/**
 * Returns `name` if it is a well-formed task name.
 * @throws LedgerError `TASKLEDGER_INVALID_TASK_NAME`
 */
export function requireTaskName(name: string): string {
  // JavaScript callers pass whatever they have.
  const given: unknown = name;
  if (typeof given !== 'string') throw invalidName(given === null ? 'null' : `a ${typeof given}`);
  if (isTaskName(given)) return given;
  throw invalidName(shown(given));
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 60)) + (name.length > 60 ? ` … (${name.length} characters)` : '');
}

function invalidName(found: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_TASK_NAME', {
    expected: `a task name of dotted words such as payouts.settle, at most ${MAX_NAME_LENGTH} characters`,
    found,
    remedy: 'Use letters, digits, _ and -, in words joined by single dots, starting with a letter',
  });
}
