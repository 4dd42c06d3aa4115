import type { Watched } from '../../src/ledger/watch.ts';
import type { Ledger } from '../../src/open-ledger.ts';

/** What a watcher sees of a task, in short, as it comes. */
export function watching(ledger: Ledger, id: string): { readonly seen: string[]; readonly over: Promise<void> } {
  const seen: string[] = [];
  const follow = async (): Promise<void> => {
    for await (const each of ledger.watch(id)) seen.push(short(each));
  };
  return { seen, over: follow() };
}

function short(seen: Watched): string {
  if (seen.kind === 'event') return seen.event.type;
  if (seen.kind === 'line') return `${seen.line.level} ${seen.line.text}`;
  return seen.kind === 'dropped' ? `${seen.lines} dropped` : seen.trouble;
}
