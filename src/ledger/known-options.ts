import { LedgerError } from '../errors.ts';

/** The most a misspelt word may differ from the one that was meant: changed, missing or additional characters. */
const mostEdits = 2;

/**
 * Refuses options nobody knows: a misspelt one that is dropped in silence would be found out when the payment it was for
 * has been made twice. Typed callers cannot get here; JavaScript callers do.
 * @param what the call they were given to, such as `submit`
 * @throws LedgerError TASKLEDGER_INVALID_OPTION
 */
export function refuseUnknownOptions(given: unknown, known: ReadonlySet<string>, what: string): void {
  if (given === undefined) return;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw noOptions(given, what);
  for (const key of Object.keys(given)) if (!known.has(key)) throw unknownOption(key, known, what);
}

/** @throws LedgerError TASKLEDGER_INVALID_OPTION unless `value` is a whole number within the range */
export function requireInteger(
  value: unknown,
  option: string,
  range: { readonly min: number; readonly max: number },
): void {
  if (Number.isInteger(value) && (value as number) >= range.min && (value as number) <= range.max) return;
  throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `${option} to be a whole number from ${range.min} to ${range.max}`,
    found: typeof value === 'number' ? String(value) : value === null ? 'null' : `a ${typeof value}`,
    remedy: 'Correct it, or leave it out for the default',
  });
}

function noOptions(given: unknown, what: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `the options of ${what} to be an object`,
    found: given === null ? 'null' : Array.isArray(given) ? 'an array' : `a ${typeof given}`,
    remedy: 'Pass an object, or leave it out',
  });
}

function unknownOption(key: string, known: ReadonlySet<string>, what: string): LedgerError {
  const meant = closest(key, [...known]);
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `only options that ${what} knows: ${[...known].join(', ')}`,
    found: JSON.stringify(key.slice(0, 60)),
    remedy: meant === undefined ? 'Leave it out, or correct its name' : `Did you mean ${meant}`,
  });
}

/** The word that was probably meant, if any: spelt like it but for case, separators or a few characters. */
export function closest(word: string, known: readonly string[]): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replace(/[-_]|ms$/g, '');
  const ranked = known
    .map((candidate) => ({ candidate, edits: editsBetween(plain(word.slice(0, 60)), plain(candidate)) }))
    .filter(({ candidate, edits }) => edits <= Math.min(mostEdits, Math.ceil(candidate.length / 2)))
    .sort((a, b) => a.edits - b.edits);
  return ranked[0]?.candidate;
}

/** Levenshtein's distance, a row at a time. */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
