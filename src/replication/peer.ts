import { LedgerError } from '../errors.ts';
import type { Queryable } from '../postgres/queryable.ts';

/** How what one site records reaches the other. */
export type Transport = 'logical' | 'pull';

/** Another site, and how this one reaches it. */
export interface Peer {
  readonly site: string;
  /** Tells two databases of one name apart. */
  readonly id: string;
  /** A secret. */
  readonly url: string;
  readonly transport: Transport;
  /** Of the slot there that feeds this site, and of the subscription here. */
  readonly slot: string;
}

/** Who a site says it is. */
export interface SiteIdentity {
  readonly site: string;
  readonly id: string;
  readonly incarnation: number;
  /** Takes no commands until it has its own stream back. */
  readonly recovering: boolean;
  /** Of what is shipped between sites. */
  readonly format: number;
  /** Of its SQL functions; sites may differ in it. */
  readonly revision: number;
}

/** The only format there is so far. */
export const SHIPPED_FORMAT = 1;

/** The peers of this site. For the role of the daemon. */
export async function readPeers(db: Queryable): Promise<Peer[]> {
  const { rows } = await db.query('select * from taskledger.peer_links()', []);
  return rows as Peer[];
}

/** Who answers at the other end of this connection. */
export async function readIdentity(db: Queryable): Promise<SiteIdentity> {
  const { rows } = await db.query('select * from taskledger.site_identity()', []);
  return rows[0] as SiteIdentity;
}

/** @throws LedgerError TASKLEDGER_NOT_A_PEER if it is another database than the one that was added, or speaks another format */
export function requirePeer(peer: Pick<Peer, 'site' | 'id'>, found: SiteIdentity): void {
  if (found.site !== peer.site || found.id !== peer.id) {
    throw new LedgerError('TASKLEDGER_NOT_A_PEER', {
      expected: `site ${peer.site} (${peer.id}) at the URL that was given for it`,
      found: `site ${found.site} (${found.id})`,
      remedy: `Correct the URL with taskledger site add, or remove ${peer.site} first if another database takes its place`,
    });
  }
  if (found.format !== SHIPPED_FORMAT) {
    throw new LedgerError('TASKLEDGER_NOT_A_PEER', {
      expected: `site ${peer.site} to ship format ${SHIPPED_FORMAT}`,
      found: `format ${found.format}`,
      remedy: 'Bring both sites to the same release',
    });
  }
}

/**
 * Makes sure that both sites know each other. A peer that does not know this one has published nothing, and would keep a slot nobody
 * there knows of; of one that was just removed here the slot is no longer this site's to make anew.
 * @param here with the rights of the daemon
 * @throws LedgerError TASKLEDGER_NOT_A_PEER if either was removed at the other, or never added
 */
export async function requireKnown(
  here: Queryable,
  there: Queryable,
  { site, id }: Pick<Peer, 'site' | 'id'>,
): Promise<void> {
  if (!(await readPeers(here)).some((peer) => peer.site === site && peer.id === id)) {
    throw new LedgerError('TASKLEDGER_NOT_A_PEER', {
      expected: `site ${site} to be a peer of this site`,
      found: 'that it is not any more',
      remedy: 'Run taskledger site add again, if it was not meant to be removed',
    });
  }
  const us = await readIdentity(here);
  const { rows } = await there.query('select taskledger.is_peer($1, $2) as known', [us.site, us.id]);
  if ((rows[0] as { known: boolean }).known) return;
  throw new LedgerError('TASKLEDGER_NOT_A_PEER', {
    expected: `site ${site} to know site ${us.site} as its peer`,
    found: 'that it does not, or not any more',
    remedy: `Run taskledger site add again, or taskledger site remove ${site} here`,
  });
}
