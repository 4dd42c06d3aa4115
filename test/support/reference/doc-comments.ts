import { readFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../repository.ts';

const comment = String.raw`\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*`;

/** The text of a doc comment as one paragraph, without its tags. */
function paragraph(raw: string): string {
  const lines = raw.split('\n').map((line) => line.replace(/^\s*\*? ?/, '').trimEnd());
  const tag = lines.findIndex((line) => line.startsWith('@'));
  return (tag === -1 ? lines : lines.slice(0, tag)).join(' ').replace(/\s+/g, ' ').trim();
}

/**
 * Doc comments of a source file, by what `pattern` captures right after each.
 * @param pattern a regular expression with one group: the name
 */
export function docComments(file: string, pattern: string): Map<string, string> {
  const text = readFileSync(path.join(repositoryRoot, file), 'utf8');
  const found = text.matchAll(new RegExp(comment + pattern, 'g'));
  return new Map([...found].map(([, raw = '', name = '']) => [name, paragraph(raw)]));
}
