import type { Queryable } from '../postgres/queryable.ts';
import { Gates } from '../replication/gates.ts';
import { Link, type LinkOptions } from '../replication/link.ts';
import { readPeers, type Peer } from '../replication/peer.ts';
import { Recovery } from '../replication/recovery.ts';
import type { Service } from './service.ts';
import { Supervised } from './supervised.ts';

interface LinkServicesOptions extends Omit<LinkOptions, 'peer' | 'gates' | 'recovery'> {
  readonly db: Queryable;
  readonly random: () => number;
}

interface Running {
  readonly peer: Peer;
  readonly supervised: Supervised;
}

/** How soon a peer that was added or removed is noticed. */
const lookMs = 1000;

/** Runs one link per peer of the site, each supervised for itself, as many as there are now: a service of the daemon. */
export function linkServices(options: LinkServicesOptions): Service {
  const shared = { gates: new Gates(), recovery: new Recovery(options) };
  const links = new Map<string, Running>();
  const end = async (site: string): Promise<void> => {
    const running = links.get(site);
    links.delete(site);
    await running?.supervised.stop();
  };
  return {
    name: 'links',
    everyMs: lookMs,
    async runOnce() {
      const peers = new Map((await readPeers(options.db)).map((peer) => [peer.site, peer]));
      for (const [site, { peer }] of links) {
        const now = peers.get(site);
        if (now?.url !== peer.url || now.transport !== peer.transport || now.id !== peer.id) await end(site);
      }
      for (const peer of peers.values()) {
        if (links.has(peer.site)) continue;
        const supervised = new Supervised({ ...options, service: new Link({ ...options, ...shared, peer }) });
        links.set(peer.site, { peer, supervised });
        supervised.start();
      }
    },
    stop: async () => {
      await Promise.all([...links.keys()].map(end));
    },
  };
}
