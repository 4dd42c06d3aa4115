import { readStreamHeads, type StreamHead } from '../../replication/stream-heads.ts';
import { renderTable } from '../render-table.ts';
import type { Terminal } from '../terminal.ts';
import type { DemoSite } from './demo-site.ts';

/** What one site says of the log of every site. */
export interface SiteMarks {
  readonly name: string;
  readonly heads: readonly StreamHead[];
}

export async function readSiteMarks({ name, app }: DemoSite): Promise<SiteMarks> {
  return { name, heads: [...(await readStreamHeads(app)).values()] };
}

/** One line per site, one column per log: how far it is sealed or proven there, and the hash of that block. */
export function marksTable(sites: readonly SiteMarks[], terminal: Terminal): string {
  const head = ['at site', ...sites.map(({ name }) => `log of ${name}`)];
  const rows = sites.map(({ name, heads }) => [
    terminal.colors.bold(name),
    ...sites.map((of) =>
      markText(
        heads.find(({ site }) => site === of.name),
        terminal,
      ),
    ),
  ]);
  return renderTable({ head, rows }, terminal);
}

function markText(head: StreamHead | undefined, { colors }: Terminal): string {
  if (head === undefined) return colors.red('unknown');
  const { own, number, proved, hash } = head;
  const block = `block ${number} ${hash.slice(0, 8)}…`;
  if (own) return `sealed ${block}`;
  return proved === number ? colors.green(`proven ${block}`) : colors.red(`${block}, proven to ${proved}`);
}
