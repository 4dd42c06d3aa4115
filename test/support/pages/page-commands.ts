import type { TreeFile } from '../tidy-rules.ts';

export interface UsedCommand {
  /** `page:line` */
  readonly place: string;
  readonly command: string;
  /** Long options, `--json`. */
  readonly options: readonly string[];
}

/**
 * Every `taskledger COMMAND … --option` a page shows, in code blocks, in `inline code` and in unit files. A line of text
 * that merely speaks of taskledger is none, nor is what a block of `text` shows.
 */
export function commandsOf({ path, text }: TreeFile): UsedCommand[] {
  // The language of the block a line is in; undefined outside of one.
  let block = path.endsWith('.md') ? undefined : 'unit';
  return text.split('\n').flatMap((line, index) => {
    const fence = /^\s*```(\w*)/.exec(line)?.[1];
    if (fence !== undefined && path.endsWith('.md')) {
      block = block === undefined ? fence : undefined;
      return [];
    }
    if (block === 'text') return [];
    const code = block !== undefined ? [line] : [...line.matchAll(/`([^`]+)`/g)].map(([, inline]) => inline ?? '');
    return code.flatMap((one) => commandsIn(one).map((used) => ({ ...used, place: `${path}:${index + 1}` })));
  });
}

function commandsIn(code: string): Omit<UsedCommand, 'place'>[] {
  // A comment, a sentence printed by a command, or an instance of a unit is no command.
  const calls = code.matchAll(/(?:^|npx |[|;&]\s*|\/bin\/)taskledger(?:\.js)? ([a-z][a-z-]*)\b([^|;&#]*)/g);
  return [...calls].map(([, command = '', rest = '']) => ({
    command,
    options: [...rest.replaceAll(/'[^']*'|"[^"]*"/g, '').matchAll(/(?<=\s)--[a-z][a-z-]*/g)].map(([option]) => option),
  }));
}
