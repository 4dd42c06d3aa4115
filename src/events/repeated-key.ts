/**
 * The first key that stands twice in one object of a JSON text, with its path, or undefined. `JSON.parse` keeps the last one
 * in silence, other readers the first: which of two amounts was meant, nobody can say afterwards.
 * @param text JSON that has been parsed, so that only strings and brackets need to be told apart
 */
export function repeatedKey(text: string): string | undefined {
  const open: Frame[] = [];
  for (const [token, string] of text.matchAll(/"((?:[^"\\]|\\.)*)"|[{}[\],:]/g)) {
    const top = open.at(-1);
    if (token === '{') open.push({ keys: new Set(), step: '', isKeyNext: true });
    else if (token === '[') open.push({ keys: undefined, step: '[]', isKeyNext: false });
    else if (token === '}' || token === ']') open.pop();
    else if (token === ',' && top?.keys !== undefined) top.isKeyNext = true;
    else if (string !== undefined && top?.keys !== undefined && top.isKeyNext) {
      const key = JSON.parse(token) as string;
      top.isKeyNext = false;
      top.step = `.${key.slice(0, 40)}`;
      if (top.keys.has(key)) return `$${open.map(({ step }) => step).join('')}`;
      top.keys.add(key);
    }
  }
  return undefined;
}

/** A container that is open: an object with the keys seen so far, or an array. */
interface Frame {
  readonly keys: Set<string> | undefined;
  /** The way from here to what is being read. */
  step: string;
  isKeyNext: boolean;
}
