import { readFileSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../repository.ts';

/**
 * A fenced block of a page. What follows the language on its first line says how a test treats it: GitHub shows only the
 * language, so a reader sees none of it.
 *
 * - `not-run="why"`: what cannot be run in a test; every test lists them, so that nothing is left out silently
 * - `file=NAME`: saved under that name
 * - `shows="text"`: its output must contain the text; with `until="text"` it is run again until it does
 * - `exits=N`: its exit status; 0 unless said
 * - `background="text"`: goes on running; the page goes on once its output contains the text
 * - `as=USER database=NAME` (sql): who runs it, and where
 */
export interface PageBlock {
  readonly page: string;
  /** Of its first line of text, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  readonly flags: ReadonlyMap<string, string>;
}

/** Indented by three in a list. */
const fence = /^(?: {3})?```(\w*)(.*)\n([^]*?)^(?: {3})?```$/gm;

/** Every fenced block of a page, in order. */
export function pageBlocks(page: string): PageBlock[] {
  const markdown = readFileSync(path.join(repositoryRoot, page), 'utf8');
  return [...markdown.matchAll(fence)].map(({ index, 1: language = '', 2: info = '', 3: text = '' }) => ({
    page,
    line: markdown.slice(0, index).split('\n').length + 1,
    language,
    text,
    flags: flagsOf(info),
  }));
}

function flagsOf(info: string): ReadonlyMap<string, string> {
  const found = info.matchAll(/([a-z-]+)(?:=(?:"([^"]*)"|(\S+)))?/g);
  return new Map([...found].map(([, name = '', quoted, plain]) => [name, quoted ?? plain ?? '']));
}

/** `page:line`, to find it again. */
export const placeOf = ({ page, line }: PageBlock): string => `${page}:${line}`;

/** The first line of each block that is not run, with the reason the page gives. */
export function notRun(blocks: readonly PageBlock[]): string[] {
  return blocks.flatMap(({ flags, text }) => {
    const reason = flags.get('not-run');
    return reason === undefined ? [] : [`${text.split('\n')[0] ?? ''} (${reason})`];
  });
}
