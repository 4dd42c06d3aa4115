const names: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** C0, DEL, C1, line and paragraph separators, the byte order mark, and what turns the direction of writing around. */
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const unprintable = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Text from outside, safe to print on a terminal: one line, every control character in a visible form. */
export function printable(text: string): string {
  return text.toWellFormed().replace(unprintable, (character) => names[character] ?? escaped(character));
}

/** At most `max` characters of the printable text, with … where something was left out. */
export function printableStart(text: string, max: number): string {
  // A character may become several, so cutting first bounds the work and cutting again bounds the width.
  const shown = printable(text.slice(0, max + 1));
  return text.length > max || shown.length > max ? `${shown.slice(0, max - 1)}…` : shown;
}

/** JSON text in one line that is safe to print: what `JSON.stringify` leaves raw is escaped too. 64-bit numbers become strings. */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? String(each) : each));
  return text.replace(unprintable, (character) => `\\u${codeOf(character).padStart(4, '0')}`);
}

function escaped(character: string): string {
  const code = codeOf(character);
  return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u{${code}}`;
}

function codeOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16);
}
