/**
 * Applies one unified diff. Line numbers are not looked at: a hunk goes where its lines stand, and they must stand there
 * exactly once, so that a patch survives what happens around the guard it removes, and nothing else.
 *
 * @typedef {{ readonly file: string, readonly before: string, readonly after: string }} Change
 * @typedef {{ readonly removes: string, readonly test: string, readonly fails: string, readonly changes: readonly Change[] }} Patch
 */

/**
 * @param {string} text
 * @returns {Patch}
 */
export function readPatch(text) {
  const [header = '', ...files] = text.split(/^--- a\//m);
  const changes = files.flatMap((part) => {
    const file = part.slice(0, part.indexOf('\n'));
    return part
      .split(/^@@.*@@.*\n/m)
      .slice(1)
      .map((hunk) => ({ file, before: side(hunk, '-'), after: side(hunk, '+') }));
  });
  if (changes.length === 0) throw new Error('Expected a unified diff; found no hunk.');
  return { removes: field(header, 'Removes'), test: field(header, 'Test'), fails: field(header, 'Fails'), changes };
}

/**
 * The file without the guard.
 * @param {string} content
 * @param {Change} change
 */
export function applyChange(content, { file, before, after }) {
  const places = content.split(before).length - 1;
  if (places !== 1) throw new Error(`Expected the lines of the patch in ${file} once; found them ${places} times.`);
  // A function, since in a string `$` would mean something.
  return content.replace(before, () => after);
}

/** The lines of one side of a hunk: what is common to both, and what only it has. */
function side(hunk, sign) {
  return hunk
    .split('\n')
    .filter((line) => line.startsWith(' ') || line.startsWith(sign))
    .map((line) => `${line.slice(1)}\n`)
    .join('');
}

function field(header, name) {
  const value = new RegExp(`^${name}: (.+)$`, 'm').exec(header)?.[1];
  if (value === undefined) throw new Error(`Expected a line "${name}: …" above the diff; found none.`);
  return value;
}
