import type { Command } from 'commander';
import { systemClock } from '../../clock.ts';
import { LedgerError } from '../../errors.ts';
import { requireReason } from '../../ledger/reason.ts';
import { createPool } from '../../postgres/pool.ts';
import type { Queryable } from '../../postgres/queryable.ts';
import { checkSchema } from '../../postgres/schema-status.ts';
import { translateSqlError } from '../../postgres/sql-error.ts';
import { dropSlotsOf, removePeer, type SlotEnd } from '../../replication/leave.ts';
import { readIdentity } from '../../replication/peer.ts';
import { connecting, givenUrl, type ConnectionOptions } from '../connection.ts';
import { exitStatus } from '../report-error.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';

interface RemoveOptions extends ConnectionOptions {
  readonly peerUrl?: string;
  readonly reason?: string;
}

export function addSiteRemove(site: Command): void {
  connecting(site.command('remove'))
    .description('end what connects this site with a peer; what the peer recorded stays readable')
    .argument('<name>', 'the peer')
    .option('--peer-url <url>', 'database URL of the peer, for an operator, to end it there too; or @FILE, or -')
    .option('--reason <text>', 'why, for the history')
    .addHelpText(
      'after',
      `
Where the peer is out of reach, this side is ended, and what is left over there is told. Run it again at any time. A slot of this
server takes a user with REPLICATION, or a superuser, to drop; exit status 1 when one is left here, since it keeps WAL.`,
    )
    .action(remove);
}

async function remove(name: string, { peerUrl, reason, ...options }: RemoveOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  const why = requireReason(reason);
  const url = peerUrl === undefined ? undefined : await givenUrl(peerUrl, terminal, '--peer-url');
  await withDatabase({ ...options, writing: true }, terminal, async ({ pool, site }) => {
    if (url !== undefined) await requireSiteAt(url, name);
    const removed = await removePeer(pool, name, why);
    const there = url === undefined ? undefined : await endThere({ url, site, why });
    const slots = await dropSlotsOf(pool, name, { clock: systemClock, patienceMs });
    if (!removed && slots.length === 0 && there?.removed !== true) await requireKnown(pool, name);
    tell({ name, site, removed, slots, there }, terminal);
  });
}

/** A walsender notices within this time that its reader has gone. */
const patienceMs = 10_000;
const answerTimeoutMs = 30_000;

interface There {
  readonly removed: boolean;
  readonly slots: readonly SlotEnd[];
  /** Why nothing could be done there. */
  readonly failure: LedgerError | undefined;
}

interface Ending {
  readonly url: string;
  readonly site: string;
  readonly why: string | undefined;
}

async function endThere({ url, site, why }: Ending): Promise<There> {
  const pool = createPool({ connectionString: url, max: 1, answerTimeoutMs });
  try {
    await checkSchema(pool);
    const removed = await removePeer(pool, site, why);
    return { removed, slots: await dropSlotsOf(pool, site, { clock: systemClock, patienceMs }), failure: undefined };
  } catch (error) {
    const known = translateSqlError(error);
    if (!(known instanceof LedgerError)) throw error;
    return { removed: false, slots: [], failure: known };
  } finally {
    await pool.end();
  }
}

interface Told {
  readonly name: string;
  readonly site: string;
  readonly removed: boolean;
  readonly slots: readonly SlotEnd[];
  readonly there: There | undefined;
}

function tell({ name, site, removed, slots, there }: Told, terminal: Terminal): void {
  const left = [
    ...slots.filter((slot) => slot.left !== undefined).map((slot) => leftSlot(slot, site)),
    ...(there?.slots ?? []).filter((slot) => slot.left !== undefined).map((slot) => leftSlot(slot, name)),
    ...leftThere({ name, site, there }),
  ];
  if (slots.some((slot) => slot.left !== undefined)) process.exitCode = exitStatus.refused;
  if (terminal.json) {
    const told = (ends: readonly SlotEnd[]): object[] =>
      ends.map(({ slot, left: why }) => ({ slot, left: why ?? null }));
    terminal.object({
      site,
      peer: name,
      removed,
      slots: told(slots),
      at_peer:
        there === undefined
          ? null
          : { removed: there.removed, slots: told(there.slots), error: there.failure?.code ?? null },
      left,
    });
    return;
  }
  terminal.line(removed ? `Site ${name} is no peer of ${site} any more.` : `Site ${name} was no peer of ${site}.`);
  for (const { slot } of slots.filter((each) => each.left === undefined)) terminal.line(`Dropped slot ${slot}.`);
  if (there?.removed === true) terminal.line(`Site ${site} is no peer of ${name} any more.`);
  for (const text of left) terminal.warn(text);
}

function leftSlot({ slot, left }: SlotEnd, at: string): string {
  const why = left === 'in use' ? 'is still read from' : 'may be dropped by a user with REPLICATION alone';
  return `slot ${slot} of site ${at} ${why}, and keeps WAL; as administrator there, run: select pg_drop_replication_slot('${slot}')`;
}

function leftThere({ name, site, there }: Pick<Told, 'name' | 'site' | 'there'>): string[] {
  if (there !== undefined && there.failure === undefined) return [];
  const why =
    there?.failure === undefined ? 'was not told (no --peer-url)' : `did not do it (${there.failure.message})`;
  return [
    `site ${name} ${why}: until it is ended there, its subscription fails, and its slot for ${site} keeps WAL; there, run: taskledger site remove ${site}`,
  ];
}

async function requireKnown(db: Queryable, name: string): Promise<void> {
  const { rows } = await db.query('select from taskledger.streams s where s.site = $1 and not s.own', [name]);
  if (rows.length > 0) return;
  throw new LedgerError('TASKLEDGER_UNKNOWN_SITE', {
    expected: 'the name of a peer',
    found: JSON.stringify(name.slice(0, 60)),
    remedy: 'See which there are: taskledger site status',
  });
}

/** Before anything is changed. A site that does not answer is taken at its word. @throws LedgerError TASKLEDGER_WRONG_SITE */
async function requireSiteAt(url: string, name: string): Promise<void> {
  const pool = createPool({ connectionString: url, max: 1, answerTimeoutMs });
  try {
    const { site } = await readIdentity(pool);
    if (site !== name) throw wrongSite(name, site);
  } catch (error) {
    if (error instanceof LedgerError) throw error;
  } finally {
    await pool.end();
  }
}

function wrongSite(name: string, found: string): LedgerError {
  return new LedgerError('TASKLEDGER_WRONG_SITE', {
    expected: `site ${name} at --peer-url`,
    found: `site ${found}`,
    remedy: 'Correct the URL; nothing was changed',
  });
}
