// Two sites as they are run: each a server of its own with the settings of production, and a daemon with a key.
import path from 'node:path';
import pg from 'pg';
import { migrate, openLedger } from '../../dist/index.js';
import { killCommands, measured, startCommand } from '../command.js';
import { siteSettings, startServer } from '../server.js';
import { openTcpLink } from './tcp-link.js';

async function openSite(name, directory) {
  const server = await startServer(siteSettings);
  const url = await server.createDatabase(name);
  const keyFile = path.join(directory, `${name}.pem`);
  await migrate({ connectionString: url, site: name });
  await measured(['site', 'init', '--key', keyFile, '--json'], url);
  const pool = new pg.Pool({ connectionString: url, max: 4, application_name: 'taskledger bench' });
  pool.on('error', () => undefined); // the server may be stopped first
  const ledger = await openLedger({ connectionString: url });
  let daemon;
  return {
    name,
    url,
    pool,
    ledger,
    server,
    postmaster: server.postmaster,
    daemon: () => daemon,
    /** Starts `taskledger serve`. */
    async serve() {
      daemon ??= await startCommand(['serve', '--key', keyFile, '--json'], url, (line) =>
        line.includes('"ready":true'),
      );
    },
    /** Stops it. */
    async rest() {
      const serving = daemon;
      daemon = undefined;
      await serving?.stop();
    },
    async close() {
      await ledger.close();
      await pool.end();
      await server.stop();
    },
  };
}

/**
 * Opens ams and fra, which do not know each other yet, with their daemons at work.
 * @returns `ams`, `fra`; `join(transport, through)`: makes them peers, or renews how they reach each other, with `through` by the
 *   links; `links`: what fra's way to ams and ams's way to fra go through; `cut()`, `mend()` of both; `close()`
 */
export async function openTwoSites(directory) {
  const opened = [];
  const close = async () => {
    killCommands();
    for (const one of opened.splice(0).reverse()) await one.close();
  };
  try {
    for (const name of ['ams', 'fra']) opened.push(await openSite(name, directory));
    const [ams, fra] = opened;
    const links = { toAms: await openTcpLink(ams.url), toFra: await openTcpLink(fra.url) };
    opened.push(links.toAms, links.toFra);
    await Promise.all([ams.serve(), fra.serve()]);
    const addPeer = async (at, peer, url, transport) => {
      const { rows } = await peer.pool.query('select name, id from taskledger.site');
      await at.pool.query('select taskledger.add_peer($1, $2, $3, $4)', [rows[0].name, rows[0].id, url, transport]);
    };
    return {
      ams,
      fra,
      links,
      async join(transport, through) {
        await addPeer(ams, fra, through ? links.toFra.url(fra.url) : fra.url, transport);
        await addPeer(fra, ams, through ? links.toAms.url(ams.url) : ams.url, transport);
      },
      cut() {
        links.toAms.cut();
        links.toFra.cut();
      },
      mend() {
        links.toAms.mend();
        links.toFra.mend();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
