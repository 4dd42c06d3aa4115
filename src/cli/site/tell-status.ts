import { systemClock } from '../../clock.ts';
import { formatPosition } from '../../events/position.ts';
import type { PeerStatus } from '../../replication/peer-status.ts';
import type { SiteStatus } from '../../replication/status.ts';
import { durationText } from '../duration-text.ts';
import { printable } from '../printable.ts';
import { renderTable } from '../render-table.ts';
import type { Terminal } from '../terminal.ts';

/** The status as people read it: the site itself, then its peers and who has proven what. */
export function statusText(status: SiteStatus, terminal: Terminal): string {
  return [...selfLines(status, terminal), ...(status.peers.length === 0 ? [] : peerLines(status, terminal))].join('\n');
}

function selfLines(
  { site, incarnation, recovering, head, projections, sealing }: SiteStatus,
  terminal: Terminal,
): string[] {
  const { unsealed, oldestUnsealedAt, leader } = sealing;
  const { bold, yellow } = terminal.colors;
  return [
    `Site ${bold(site)}${incarnation === 1 ? '' : `, incarnation ${incarnation}`}`,
    ...(recovering ? [yellow('It takes no commands until it has its own stream back from its peers.')] : []),
    head === undefined
      ? yellow('No block yet: nothing is proven. Run: taskledger site init --key FILE, then serve with it')
      : `Block ${head.header.number}, sealed ${ago(Number(head.header.sealed_at_ms))} with key ${head.keyId}: ${head.hash}`,
    oldestUnsealedAt === undefined
      ? 'Every event is in a block.'
      : `${unsealed} events are in no block yet, the oldest recorded ${ago(oldestUnsealedAt.getTime())}`,
    ...projections
      .filter((each) => each.blocksBehind > 0n)
      .map(({ projection, blocksBehind }) => yellow(`Projection ${projection} is ${blocksBehind} blocks behind.`)),
    leader === undefined
      ? yellow('Nobody seals: no serve with a key is connected.')
      : `Sealed by session ${leader.pid}${leader.host === undefined ? '' : ` from ${leader.host}`}.`,
  ];
}

function peerLines(status: SiteStatus, terminal: Terminal): string[] {
  const { red, green, yellow } = terminal.colors;
  return [
    '',
    renderTable({ head: peerHead, rows: status.peers.map(peerRow), align: peerAlign }, terminal),
    '',
    'Proven up to block (rows: by whom; columns: of which stream)',
    matrix(status, terminal),
    ...status.halted.map(({ site, block, why }) =>
      red(`Stream ${site} is read no further than before block ${block}: ${printable(why)}`),
    ),
    ...(status.quarantined > 0 ? [red(`${status.quarantined} rows are in quarantine: taskledger.quarantine`)] : []),
    ...(status.openIncidents > 0 ? [red(`${status.openIncidents} incidents are open (taskledger site dismiss):`)] : []),
    ...status.incidents.map((incident) => `  ${formatPosition(incident)}  ${printable(incident.summary)}`),
    status.inSync
      ? green('In sync: everything older than 60 s is proven at every site.')
      : yellow('Not in sync: a site does not answer, or something older than 60 s is not proven everywhere.'),
  ];
}

const peerHead = ['peer', 'transport', 'connected', 'behind', 'since', 'slot', 'WAL kept', 'apply errors', 'gate'];
const peerAlign = ['left', 'left', 'left', 'right', 'right', 'left', 'right', 'right', 'left'] as const;

function peerRow(peer: PeerStatus): string[] {
  const { subscription } = peer;
  return [
    peer.site,
    peer.transport,
    peer.connected ? 'yes' : `no: ${printable(peer.why ?? 'never seen')}`,
    peer.behindEvents === undefined ? '?' : `${peer.behindEvents} events`,
    peer.behindMs === undefined ? '?' : durationText(peer.behindMs),
    subscription === undefined ? '-' : slotText(subscription),
    subscription === undefined ? '-' : `${(subscription.retainedBytes / 1_048_576).toFixed(1)} MB`,
    subscription === undefined ? '-' : String(subscription.applyErrors),
    peer.gateClosed ? 'closed' : 'open',
  ];
}

function slotText({ slot, active, subscription }: NonNullable<PeerStatus['subscription']>): string {
  if (subscription !== 'enabled') return `subscription ${subscription}`;
  return active ? slot : `${slot}, idle`;
}

function matrix({ proofs }: SiteStatus, terminal: Terminal): string {
  const streams = [...new Set(proofs.map(({ ofSite }) => ofSite))];
  const sites = [...new Set(proofs.map(({ bySite }) => bySite))];
  const cell = (by: string, of: string): string => {
    const proof = proofs.find(({ bySite, ofSite }) => bySite === by && ofSite === of);
    if (proof === undefined) return '?';
    const late = proof.blocksBehind > 0n ? `, ${durationText(proof.behindMs)} behind` : '';
    return by === of ? `${proof.block} sealed` : `${proof.block}${late}`;
  };
  const rows = sites.map((by) => [by, ...streams.map((of) => cell(by, of))]);
  return renderTable(
    { head: ['', ...streams], rows, align: ['left', ...streams.map(() => 'right' as const)] },
    terminal,
  );
}

/** By this host's clock, for eyes only. */
function ago(ms: number): string {
  return `${durationText(Math.max(0, systemClock.now() - ms))} ago`;
}
