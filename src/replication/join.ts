import type { Queryable } from '../postgres/queryable.ts';
import { joinProblems, joinWarnings, type JoinPlan, type Problem } from './join-problems.ts';
import { readIdentity, type SiteIdentity, type Transport } from './peer.ts';
import { readSide, type Side } from './side.ts';
import { readBlockHash } from './site-facts.ts';

/** Two sites that are to be peers, and how each reaches the other. */
export interface Joining {
  /** With the rights of an operator, as is `there`. */
  readonly here: Queryable;
  readonly there: Queryable;
  /** How the server and the daemon of `here` reach the other site; a secret, as is `backLink`. */
  readonly link: string;
  readonly backLink: string;
  readonly transport: Transport;
}

export interface Joined {
  readonly here: SiteIdentity;
  readonly there: SiteIdentity;
  /** False when both knew each other before: then only the ways were renewed. */
  readonly isNew: boolean;
}

/** Two sites as they were found, and what keeps them from becoming peers. */
export interface JoinCheck {
  readonly here: Side;
  readonly there: Side;
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
}

/** Looks at both sites and both ways, and changes nothing. @throws whatever pg throws, of either site */
export async function checkJoin(joining: Joining & JoinPlan): Promise<JoinCheck> {
  const here = await readSide({
    db: joining.here,
    label: 'this site',
    option: '--back-link',
    url: joining.backLink,
  });
  const there = await readSide({ db: joining.there, label: 'the other site', option: '--link', url: joining.link });
  const problems = [
    ...joinProblems(here, there, joining),
    ...(await forkProblem(here, there, joining.there)),
    ...(await forkProblem(there, here, joining.here)),
  ];
  return { here, there, problems, warnings: joinWarnings(here, there, joining) };
}

/**
 * Makes two sites known to each other; their daemons do the rest. Checks nothing but what SQL refuses. Done again it renews
 * the ways, so that what was interrupted between the two sites is ended by doing it again.
 * @throws whatever pg throws, of either site
 */
export async function addPeerBothWays({ here, there, link, backLink, transport }: Joining): Promise<Joined> {
  const [us, them] = [await readIdentity(here), await readIdentity(there)];
  const isNewThere = await addPeer(there, us, backLink, transport);
  const isNewHere = await addPeer(here, them, link, transport);
  return { here: us, there: them, isNew: isNewHere || isNewThere };
}

/** Pairs of sites of which one is a peer of a site that the other is not a peer of, as far as these two know. */
export function missingPairs(here: Side, there: Side): [string, string][] {
  const peersOf = ({ ledger }: Side): string[] => (ledger?.peers ?? []).map(({ site }) => site);
  const lacks = (side: Side, other: Side): [string, string][] =>
    peersOf(other)
      .filter((site) => site !== side.label && !peersOf(side).includes(site))
      .map((site) => [side.label, site]);
  return [...lacks(here, there), ...lacks(there, here)];
}

async function addPeer(db: Queryable, peer: SiteIdentity, url: string, transport: Transport): Promise<boolean> {
  const { rows } = await db.query('select taskledger.add_peer($1, $2, $3, $4) as new', [
    peer.site,
    peer.id,
    url,
    transport,
  ]);
  return (rows[0] as { new: boolean }).new;
}

/** A stream this site keeps already, of a peer that was removed or from a third site: it must be the one the other has. */
async function forkProblem(side: Side, other: Side, otherDb: Queryable): Promise<Problem[]> {
  const mark = side.ledger?.proofs.find(({ site }) => site === other.ledger?.identity.site);
  if (mark === undefined) return [];
  const hash = await readBlockHash(otherDb, mark.site, mark.number);
  if (hash === undefined || hash === mark.hash) return [];
  return [
    {
      site: other.label,
      expected: `block ${mark.number} of ${mark.site} to be the one that ${side.label} has proven`,
      found: 'another block: another database under a name that was used before, or a rewritten history',
      remedy:
        'Give a new database a name that was never used; if it is the same one, run taskledger audit verify at both sites',
    },
  ];
}
