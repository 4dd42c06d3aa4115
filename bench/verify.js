// How fast ten million events are sealed and verified, and how much memory the verification takes: recorded straight into the
// log, one event per task, since what they say does not matter here.
import pg from 'pg';
import { addSiteKey } from '../dist/events/blocks/known-key.js';
import { temporarySiteKey } from '../dist/events/blocks/site-key.js';
import { sealTick } from '../dist/events/blocks/tick.js';
import { migrate } from '../dist/index.js';
import { measured } from './command.js';
import { startServer } from './server.js';

export const sizes = { full: { events: 10_000_000 }, whole: { events: 1_000_000 }, quick: { events: 200_000 } };
const part = 100_000;

const fill = `
  insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, data)
  select s.name, nextval('taskledger.event_seq'), s.name, 1, gen_random_uuid(), 1, 'task.submitted', date_trunc('milliseconds', clock_timestamp()), 'bench',
         ('{"name":"bench.a","queue":"default","priority":0,"retry":{"attempts":3},"input":{"payoutId":' || g || ',"amount":12.5}}')::json
    from taskledger.site s, generate_series(1, ${part}) g`;

export async function measure({ size, tell: say }) {
  const server = await startServer();
  const results = {};
  const tell = (name, result) => {
    results[name] = result;
    say(`${name.padEnd(16)}${JSON.stringify(result)}`);
  };
  try {
    const url = await server.createDatabase('verify');
    await migrate({ connectionString: url });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const key = temporarySiteKey();
    await addSiteKey(client, key);
    const sealed = { events: 0, blocks: 0, seconds: 0 };
    for (let recorded = 0; recorded < size.events; recorded += part) {
      await client.query(fill);
      const startedAt = performance.now();
      const { events, blocks } = await sealTick(client, key);
      sealed.events += events;
      sealed.blocks += blocks;
      sealed.seconds += (performance.now() - startedAt) / 1000;
    }
    tell('seal', { ...sealed, events_per_second: Math.round(sealed.events / sealed.seconds) });
    await client.query('vacuum analyze');
    await client.end();
    const { text, ...verified } = await measured(['audit', 'verify', '--json'], url);
    if (verified.status !== 0) throw new Error(`audit verify ended with ${verified.status}: ${text}`);
    tell('audit verify', { ...verified, events_per_second: Math.round(sealed.events / verified.seconds) });
    return { postgres: server.described, results };
  } finally {
    await server.stop();
  }
}
