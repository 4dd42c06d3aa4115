import { expect, it, onTestFinished } from 'vitest';
import type { Queryable } from '../../src/postgres/queryable.ts';
import { pullBlocks } from '../../src/replication/pull.ts';
import { readStreamHeads } from '../../src/replication/stream-heads.ts';
import { openSites } from '../support/sites.ts';

it('fetches the events of many small blocks together: each round trip may be a long one', async () => {
  const [ams, fra] = await openSites(['ams', 'fra'], { transport: 'pull', serving: false });
  if (ams === undefined || fra === undefined) throw new Error('expected two sites');
  await ams.serve();
  for (let i = 0; i < 8; i += 1) {
    const sealed = ams.signals.next('seal.done');
    await ams.ledger.submitMany('tickets.issue', [{ input: i }, { input: i }]);
    await sealed;
  }
  await ams.rest();
  const asked: string[] = [];
  const source: Queryable = {
    query(text, values) {
      asked.push(text);
      return ams.pool.query(text, values);
    },
  };
  const to = (await readStreamHeads(ams.pool)).get('ams')?.number ?? 0n;
  const pulled = await pullBlocks({ source, target: fra.pool, stream: 'ams', from: 1n, to });
  expect(pulled.blocks).toBeGreaterThanOrEqual(8);
  expect(pulled.events).toBeGreaterThanOrEqual(16);
  expect(asked.filter((text) => text.includes('taskledger.events '))).toHaveLength(1);
}, 60_000);

it('pulls most of what is missing before it makes a slot, which would keep WAL until then', async () => {
  const [ams, fra] = await openSites(['ams', 'fra'], { serving: false });
  if (ams === undefined || fra === undefined) throw new Error('expected two sites');
  await ams.serve();
  const sealed = ams.signals.next('seal.done');
  await ams.ledger.submitMany('tickets.issue', [{ input: 1 }]);
  await sealed;
  await ams.rest();
  // As if it had been long at work.
  await ams.pool.query(
    `insert into taskledger.blocks (site, number, members, event_count, root, prev_hash, hash, sealed_at, sealed_by, format, key_id, signature, leaf_hints)
     select site, number + 1, members, 60000, root, hash, sha256(hash), sealed_at, sealed_by, format, key_id, signature, leaf_hints
       from taskledger.blocks where site = 'ams' order by number desc limit 1`,
  );
  const order: string[] = [];
  fra.signals.subscribe(({ name }) => {
    if (name === 'stream.pulled' || name === 'link.subscribed') order.push(name);
  });
  await fra.serve();
  await expect.poll(() => order.slice(0, 2), { timeout: 20_000 }).toEqual(['stream.pulled', 'link.subscribed']);
}, 60_000);

it('does not let a link that has not heard of it yet subscribe to a peer that is pulled from', async () => {
  const [ams] = await openSites(['ams', 'fra'], { transport: 'pull', serving: false });
  await expect(ams?.pool.query("select taskledger.subscribe('fra')")).rejects.toMatchObject({
    code: 'TL051',
    message: 'Expected site fra to be replicated from; found transport pull. Change it with: taskledger site add.',
  });
}, 60_000);

it('skips what is here already while the gate is closed, keeps what differs as evidence, and fails while it is open', async () => {
  const [ams, fra] = await openSites(['ams', 'fra'], { transport: 'pull', serving: false });
  if (ams === undefined || fra === undefined) throw new Error('expected two sites');
  await ams.ledger.submitMany('tickets.issue', [{ input: 1 }, { input: 2 }]);
  const { rows } = await ams.pool.query(
    `select json_agg(x)::text as events from (select seq, realm, epoch, task_id, version, type, occurred_at, actor,
        context::text as context, data::text as data from taskledger.events_ams) x`,
  );
  const [{ events }] = rows as [{ events: string }];
  await fra.pool.query('select taskledger.receive_events($1, $2)', ['ams', events]);
  const client = await fra.pool.connect();
  onTestFinished(() => client.release(true));
  // As the apply worker is.
  await client.query('set session_replication_role = replica');
  const again = (actor: string) =>
    client.query(
      `insert into taskledger.events_ams (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data)
       select site, seq, realm, epoch, task_id, version, type, occurred_at, ${actor}, context, data from taskledger.events_ams`,
    );
  await expect(again('actor')).rejects.toMatchObject({ code: '23505' });
  await client.query("select taskledger.close_gate('ams', true)");
  expect((await again('actor')).rowCount).toBe(0);
  expect((await client.query('select from taskledger.quarantine')).rowCount).toBe(0);
  expect((await again("'somebody else'")).rowCount).toBe(0);
  expect((await client.query("select from taskledger.quarantine where what = 'event'")).rowCount).toBeGreaterThan(1);
}, 60_000);
