import type { PreparedQueryable } from '../postgres/queryable.ts';

/** A task a runner can run, and the version of the plugin it would be run by, if it is of one. */
export interface AnnouncedOffer {
  readonly name: string;
  readonly plugin: string | null;
  readonly version: string | null;
}

export interface Announcement {
  readonly runner: string;
  readonly host: string;
  /** Undefined: tasks of all queues. */
  readonly queues: readonly string[] | undefined;
  readonly offers: readonly AnnouncedOffer[];
  /** What is wrong with manifests it was told to read; it goes on with those it had. */
  readonly problems: readonly string[];
  /** How long it may be believed, milliseconds; 0: not any more. */
  readonly forMs: number;
}

/**
 * Tells the site what a runner offers, for whoever asks why nobody takes a task. Claims do not depend on it.
 * @throws whatever pg throws; the caller translates
 */
export async function announceOffers(db: PreparedQueryable, announcement: Announcement): Promise<void> {
  const { runner, host, queues, offers, problems, forMs } = announcement;
  await db.query({
    name: 'taskledger.announce_offers',
    text: 'select taskledger.announce_offers($1, $2, $3, $4, $5, $6)',
    values: [runner, host, queues ?? null, JSON.stringify(offers), problems, forMs],
  });
}
