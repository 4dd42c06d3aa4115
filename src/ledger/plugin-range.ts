import valid from 'semver/functions/valid.js';
import validRange from 'semver/ranges/valid.js';
import { LedgerError } from '../errors.ts';
import { MAX_PLUGIN_RANGE_LENGTH } from '../events/limits.ts';

const number = String.raw`(?:0|[1-9]\d{0,8})`;
const any = '[xX*]';
const label = String.raw`(?:${number}|\d*[a-zA-Z-][a-zA-Z0-9-]*)`;
const rest = String.raw`${number}(?:-${label}(?:\.${label})*)?`;
const version = String.raw`v?(?:${any}(?:\.${any}){0,2}|${number}(?:\.${any}(?:\.${any})?|\.${number}(?:\.(?:${any}|${rest}))?)?)`;
const comparator = String.raw`(?:>=|<=|>|<|=|~>?|\^)? ?${version}`;
const set = `(?:${version} - ${version}|${comparator}(?: ${comparator})*)`;

/**
 * What a task may pin: a range of versions as npm has it, `^3`, `>=2.3 <4`, `2.x || 3.x`. The SQL function is_plugin_range has the
 * same text, so that a misspelt range is refused in every language; npm's own check is stricter nowhere (property).
 */
export const pluginRangePattern = new RegExp(String.raw`^${set}(?: ?\|\| ?${set})*$`);

/** True for a range that can be pinned. */
export function isPluginRange(range: string): boolean {
  return range.length <= MAX_PLUGIN_RANGE_LENGTH && pluginRangePattern.test(range) && validRange(range) !== null;
}

/** True for a version a plugin can have: as semver.org has it, without build metadata, which no range can choose by. */
export function isVersion(text: string): boolean {
  return valid(text) === text;
}

/** @throws LedgerError TASKLEDGER_INVALID_OPTION */
export function requirePluginRange(range: string): void {
  if (isPluginRange(range)) return;
  throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `plugin to be a range of versions such as ^3, >=2.3 <4 or 2.3.0, at most ${MAX_PLUGIN_RANGE_LENGTH} characters`,
    found: JSON.stringify(range.slice(0, 60)),
    remedy: 'Correct it, or leave it out for the newest version',
  });
}
