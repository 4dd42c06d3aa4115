import { expect, test } from 'vitest';
import type { Queryable } from '../../src/postgres/queryable.ts';
import { Gates } from '../../src/replication/gates.ts';
import type { Peer } from '../../src/replication/peer.ts';

const peer: Peer = { site: 'ams', id: '', url: '', transport: 'logical', slot: 'tl_fra_ams' };

/** A site whose gate is closed, and which takes its time to open it. */
function site() {
  const told: string[] = [];
  let closed = true;
  let open: () => void = () => undefined;
  const isOpening = new Promise<void>((resolve) => (open = resolve));
  const here: Queryable = {
    async query(text, [, close]) {
      if (!text.includes('close_gate')) return { rows: [{ closed }], rowCount: 1 };
      told.push(close === true || text.includes('true') ? 'close' : 'open');
      if (text.includes('false')) await isOpening;
      closed = text.includes('true');
      return { rows: [], rowCount: 0 };
    },
  };
  const there: Queryable = { query: () => Promise.resolve({ rows: [{ lsn: '0/1', passed: true }], rowCount: 1 }) };
  return { here, there, told, open, isClosed: () => closed };
}

test('a repair that begins while the gate is being opened closes it again before it inserts anything', async () => {
  const { here, there, told, open, isClosed } = site();
  const gates = new Gates();
  const opening = gates.openWhenPassed(here, there, peer);
  await expect.poll(() => told).toEqual(['open']);
  const repaired = gates.whileClosed(here, 'ams', () => Promise.resolve(isClosed()));
  await Promise.resolve();
  open();
  await opening;
  expect(await repaired).toBe(true);
  expect(told).toEqual(['open', 'close']);
});
