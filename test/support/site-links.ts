import { proxyTo, type TcpProxy } from './tcp-proxy.ts';

/** The ways between sites, each through a proxy of its own: `via` is what openSites and joinSites take. */
export interface SiteLinks {
  readonly via: (from: string, to: string, direct: string) => Promise<string>;
  /** The way `from` takes to `to`: over it `from` asks, and gets what `to` recorded. */
  way(from: string, to: string): TcpProxy;
  /** All ways from and to this site. */
  of(site: string): readonly TcpProxy[];
}

export function siteLinks(): SiteLinks {
  const ways = new Map<string, TcpProxy>();
  return {
    async via(from, to, direct) {
      const way = await proxyTo(direct);
      ways.set(`${from} ${to}`, way);
      return way.url(direct);
    },
    way(from, to) {
      const way = ways.get(`${from} ${to}`);
      if (way === undefined) throw new Error(`No way leads from ${from} to ${to}.`);
      return way;
    },
    of: (site) => [...ways].filter(([ends]) => ends.split(' ').includes(site)).map(([, way]) => way),
  };
}
