import { createPool } from '../postgres/pool.ts';
import { addPeerBothWays } from '../replication/join.ts';
import type { LocalSite } from './local-site.ts';

/**
 * Makes every two of these sites peers; done again it renews how they reach each other. Their daemons do the rest.
 * @param reach - the URL of a site for the others; default: that of its server
 * @throws whatever pg throws
 */
export async function joinLocalSites(
  sites: readonly Pick<LocalSite, 'server'>[],
  reach: (place: number) => string = (place) => sites[place]?.server.url ?? '',
): Promise<void> {
  const pools = sites.map(({ server }) =>
    createPool({ connectionString: server.url, max: 1, applicationName: 'taskledger join' }),
  );
  try {
    for (const [a, here] of pools.entries()) {
      for (const [b, there] of pools.slice(0, a).entries()) {
        await addPeerBothWays({ here, there, link: reach(b), backLink: reach(a), transport: 'logical' });
      }
    }
  } finally {
    await Promise.all(pools.map((pool) => pool.end()));
  }
}
