import type { Command } from 'commander';
import { readHeads, type StoredBlock } from '../../events/blocks/stored-block.ts';
import { readSealingStatus, type SealingStatus } from '../../events/blocks/sealing-status.ts';
import { readProjectionLags, type ProjectionLag } from '../../projections/projection-lags.ts';
import type { Queryable } from '../../postgres/queryable.ts';
import { systemClock } from '../../clock.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { durationText } from '../duration-text.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';

export function addSiteStatus(site: Command): void {
  connecting(site.command('status'))
    .description('the site, its last block, what is not sealed and not projected yet, who seals')
    .action(status);
}

interface SiteStatus extends SealingStatus {
  readonly site: string;
  readonly incarnation: number;
  readonly head: StoredBlock | undefined;
  readonly projections: readonly ProjectionLag[];
}

async function status(options: ConnectionOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  await withDatabase(options, terminal, async ({ pool, site }) => {
    const found = await readStatus(pool, site);
    if (terminal.json) terminal.object(statusJson(found));
    else tell(found, terminal);
  });
}

async function readStatus(db: Queryable, site: string): Promise<SiteStatus> {
  const { rows } = await db.query('select incarnation from taskledger.site', []);
  const head = (await readHeads(db)).find(({ header }) => header.site === site);
  const { incarnation } = rows[0] as { incarnation: number };
  const projections = await readProjectionLags(db, site);
  return { site, incarnation, head, projections, ...(await readSealingStatus(db, site)) };
}

function statusJson({ site, incarnation, head, projections, ...sealing }: SiteStatus): object {
  const { unsealed, oldestUnsealedAt, leader } = sealing;
  return {
    site,
    incarnation,
    head:
      head === undefined
        ? null
        : { number: head.header.number, hash: head.hash, sealed_at: sealedAt(head), key_id: head.keyId },
    unsealed_events: unsealed,
    oldest_unsealed_at: oldestUnsealedAt?.toISOString() ?? null,
    sealer:
      leader === undefined
        ? null
        : { pid: leader.pid, host: leader.host ?? null, since: leader.since?.toISOString() ?? null },
    projections: projections.map(({ projection, block, blocksBehind }) => ({
      projection,
      block,
      blocks_behind: blocksBehind,
    })),
  };
}

function tell({ site, incarnation, head, projections, ...sealing }: SiteStatus, terminal: Terminal): void {
  const { unsealed, oldestUnsealedAt, leader } = sealing;
  const { bold, yellow } = terminal.colors;
  terminal.line(`Site ${bold(site)}${incarnation === 1 ? '' : `, incarnation ${incarnation}`}`);
  terminal.line(
    head === undefined
      ? yellow('No block yet: nothing is proven. Run: taskledger site init --key FILE, then serve with it')
      : `Block ${head.header.number}, sealed ${ago(Number(head.header.sealed_at_ms))} with key ${head.keyId}: ${head.hash}`,
  );
  if (oldestUnsealedAt === undefined) terminal.line('Every event is in a block.');
  else terminal.line(`${unsealed} events are in no block yet, the oldest recorded ${ago(oldestUnsealedAt.getTime())}`);
  for (const { projection, blocksBehind } of projections.filter((each) => each.blocksBehind > 0n)) {
    terminal.line(yellow(`Projection ${projection} is ${blocksBehind} blocks behind.`));
  }
  if (leader === undefined) terminal.line(yellow('Nobody seals: no serve with a key is connected.'));
  else terminal.line(`Sealed by session ${leader.pid}${leader.host === undefined ? '' : ` from ${leader.host}`}.`);
}

function sealedAt({ header }: StoredBlock): string {
  return new Date(Number(header.sealed_at_ms)).toISOString();
}

/** By this host's clock, for eyes only. */
function ago(ms: number): string {
  return `${durationText(Math.max(0, systemClock.now() - ms))} ago`;
}
