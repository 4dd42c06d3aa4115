import type { Clock } from '../clock.ts';
import { requireKnownKey } from '../events/blocks/known-key.ts';
import { Sealer } from '../events/blocks/sealer.ts';
import type { SiteKey } from '../events/blocks/site-key.ts';
import { Sweeper } from '../ledger/sweeper.ts';
import { createPool } from '../postgres/pool.ts';
import type { PreparedQueryable } from '../postgres/queryable.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import { waitForSite } from '../postgres/wait-for-site.ts';
import type { Signals } from '../signals.ts';
import { projections } from '../projections/projections.ts';
import { AnswerRequests } from '../replication/answer-requests.ts';
import { Prover } from '../replication/prover.ts';
import { askPeersAboutUs } from '../replication/recovery.ts';
import { Daemon } from './daemon.ts';
import { projectionService } from './projection-service.ts';
import { linkServices } from './link-services.ts';
import type { Service } from './service.ts';

interface OpenDaemonOptions {
  readonly connectionString: string;
  /** What the site's blocks are signed with; must be known to it. Without a key nothing is sealed here. */
  readonly key?: SiteKey | undefined;
  readonly clock: Clock;
  readonly signals: Signals;
  readonly random: () => number;
  /** Gives up waiting for a database that is away. */
  readonly stopped: AbortSignal;
}

export interface OpenDaemon extends AsyncDisposable {
  readonly site: string;
  readonly daemon: Daemon;
}

/** Of those services that need no session of their own; one that waits for a lock does not hold up another. */
const connections = 2;
/** A run is short: an answer that takes longer will not come, and the run fails instead of hanging for ever. */
const answerTimeoutMs = 30_000;

/**
 * The daemon of the site in this database, not started yet. A database that is away is waited for.
 * @returns undefined when `stopped` aborts before the database answers
 * @throws LedgerError TASKLEDGER_NOT_MIGRATED, TASKLEDGER_SCHEMA_NEWER, TASKLEDGER_NOT_ALLOWED, TASKLEDGER_INVALID_URL,
 *   TASKLEDGER_SITE_KEY_UNKNOWN, and TASKLEDGER_UNREACHABLE when the server answers but does not let this user in
 */
export async function openDaemon(options: OpenDaemonOptions): Promise<OpenDaemon | undefined> {
  const { connectionString, key, clock, signals, random, stopped } = options;
  const pool = createPool({ connectionString, max: connections, applicationName: 'taskledger serve', answerTimeoutMs });
  const close = async (): Promise<void> => (pool.ended ? undefined : await pool.end());
  try {
    const site = await waitForSite(pool, { purpose: 'daemon', clock, signals, stopped });
    if (site === undefined) {
      await close();
      return undefined;
    }
    if (key !== undefined) await requireKnownKey(pool, site, key);
    const daemon = new Daemon({ site, services: servicesOf(options, pool), clock, signals, random });
    const dispose = async (): Promise<void> => {
      await daemon.stop();
      await close();
    };
    return { site, daemon, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await close();
    throw translateSqlError(error);
  }
}

function servicesOf(
  { connectionString, key, clock, signals, random }: OpenDaemonOptions,
  db: PreparedQueryable,
): Service[] {
  const around = { connectionString, clock, signals };
  return [
    new Sweeper({ db, clock, signals }),
    ...(key === undefined
      ? []
      : [new Sealer({ ...around, key, beforeLeading: () => askPeersAboutUs(connectionString) })]),
    ...projections.map((projection) => projectionService({ ...around, projection })),
    new Prover(around),
    new AnswerRequests({ db, signals }),
    linkServices({ ...around, db, random }),
  ];
}
