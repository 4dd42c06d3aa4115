// A peer site for a turn of ours: a database on the second server, with a daemon of its own, joined by logical replication.
import { setTimeout as sleep } from 'node:timers/promises';
import { openPool } from '../pools.js';
import { startProcesses } from '../processes.js';
import { serverCpuSeconds } from '../machine.js';

const name = 'fra';
const patientMs = 120_000;
const daemonScript = new URL('taskledger-daemon-process.js', import.meta.url);

/** How far the peer is with the stream of the site that is measured: blocks proven, blocks that every projection has read. */
const progress = `
  select coalesce((select p.number from taskledger.proofs p where p.by_site = '${name}' and p.of_site = $1), 0)::float8 as proven,
         coalesce((select min(c.block) from taskledger.projections q
           join taskledger.cursors c on c.projection = q.name and c.slot = q.live and c.site = $1), 0)::float8 as projected`;
const head = 'select coalesce(max(number), 0)::float8 as number from taskledger.blocks where site = $1';

/**
 * @param server what startServer returned, of the site that is measured
 * @returns `postmaster` of the second server; `whenEqual()`: all that is sealed here now is proven and projected there;
 *   `cpuSeconds()` of its daemon; `close()`
 */
export async function joinPeerSite(server, { built, tree, url, pool }) {
  const { migrate } = await import(built);
  const other = await server.other();
  const database = `bench_turn_${name}`;
  const peerUrl = await other.createDatabase(database);
  await migrate({ connectionString: peerUrl, site: name });
  const peerPool = await openPool(peerUrl, 2);
  const daemon = await startProcesses(daemonScript, 1, { tree: tree.href, url: peerUrl });
  const siteOf = async (db) => (await db.query('select name, id from taskledger.site')).rows[0];
  const [here, there] = [await siteOf(pool), await siteOf(peerPool)];
  const add = 'select taskledger.add_peer($1, $2, $3, $4)';
  await pool.query(add, [there.name, there.id, peerUrl, 'logical']);
  await peerPool.query(add, [here.name, here.id, url, 'logical']);
  return {
    postmaster: other.postmaster,
    cpuSeconds: () => serverCpuSeconds(daemon.pids[0]) ?? 0,
    async whenEqual() {
      const { rows } = await pool.query(head, [here.name]);
      const until = performance.now() + patientMs;
      for (;;) {
        const { proven, projected } = (await peerPool.query(progress, [here.name])).rows[0];
        if (Math.min(proven, projected) >= rows[0].number) return;
        if (performance.now() > until)
          throw new Error(
            `expected block ${rows[0].number} at the peer site, found ${proven} proven, ${projected} projected`,
          );
        await sleep(20);
      }
    },
    async close() {
      await daemon.stop();
      await leave(peerPool);
      await leave(pool);
      await peerPool.end();
      await other.dropDatabase(database);
    },
  };
}

/** Drops what would keep a database from being dropped: its subscriptions, without asking the other side, and its slots. */
async function leave(db) {
  const { rows } = await db.query(
    'select s.subname as name from pg_subscription s join pg_database d on d.oid = s.subdbid where d.datname = current_database()',
  );
  for (const { name: subscription } of rows) {
    await db.query(`alter subscription "${subscription}" disable`);
    await db.query(`alter subscription "${subscription}" set (slot_name = none)`);
    await db.query(`drop subscription "${subscription}"`);
  }
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const slots = 'from pg_replication_slots where database = current_database()';
    await db.query(`select pg_terminate_backend(active_pid) ${slots} and active_pid is not null`);
    await db.query(`select pg_drop_replication_slot(slot_name) ${slots} and active_pid is null`).catch(() => undefined);
    if ((await db.query(`select ${slots}`)).rowCount === 0) return;
    await sleep(50);
  }
  throw new Error('expected the slots of the turn to be free within 5 s, found them held');
}
