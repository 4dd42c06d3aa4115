import type { Queryable } from '../postgres/queryable.ts';
import type { Peer } from './peer.ts';
import { hasPassed, walPosition } from './subscription.ts';

interface Gate {
  /** Repairs at work. */
  holds: number;
  /** Place in the peer's WAL that replication must have passed; undefined: to be asked for, after the last repair. */
  until: string | undefined;
  /** It is being opened: whoever begins then must not find it closed still. */
  opening: Promise<unknown> | undefined;
}

/**
 * The gate of a stream is closed while a repair may have brought what replication is going to deliver: each event that
 * arrives is then checked against what is here, and skipped if it is known. It opens when replication is past what was there
 * at the last repair. One object for all links of a daemon, since any of them may repair any stream. Two daemons may open
 * a gate too early for each other: the apply worker then fails once, and the link to that peer closes the gate.
 */
export class Gates {
  readonly #gates = new Map<string, Gate>();

  /** Closes the gate of a stream until `work` is done, and longer. */
  async whileClosed<T>(here: Queryable, stream: string, work: () => Promise<T>): Promise<T> {
    const gate = this.#gate(stream);
    gate.holds += 1;
    gate.until = undefined;
    try {
      await gate.opening;
      if (!(await isClosed(here, stream))) await here.query('select taskledger.close_gate($1, true)', [stream]);
      return await work();
    } finally {
      gate.holds -= 1;
    }
  }

  /** Opens the gate of a peer's stream if it is closed and need not be any more; `there`: a connection to that peer. */
  async openWhenPassed(here: Queryable, there: Queryable, peer: Peer): Promise<void> {
    const gate = this.#gate(peer.site);
    if (gate.holds > 0 || !(await isClosed(here, peer.site))) return;
    const until = (gate.until ??= await walPosition(there));
    if (!(await hasPassed(there, peer, until)) || gate.holds > 0 || gate.until !== until) return;
    const opening = here.query('select taskledger.close_gate($1, false)', [peer.site]);
    gate.opening = opening.catch(() => undefined);
    await opening;
  }

  #gate(stream: string): Gate {
    const known = this.#gates.get(stream);
    if (known !== undefined) return known;
    const gate: Gate = { holds: 0, until: undefined, opening: undefined };
    this.#gates.set(stream, gate);
    return gate;
  }
}

async function isClosed(here: Queryable, stream: string): Promise<boolean> {
  const { rows } = await here.query(
    `select exists (select from pg_trigger t where t.tgrelid = to_regclass('taskledger.events_' || replace($1, '-', '_'))
                       and t.tgname = 'gate' and t.tgenabled <> 'D') as closed`,
    [stream],
  );
  return (rows[0] as { closed: boolean }).closed;
}
