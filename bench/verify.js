// How fast ten million events are sealed and verified, and how much memory the verification takes: recorded straight into the
// log, one event per task, since what they say does not matter here.
import pg from 'pg';
import { addSiteKey } from '../dist/events/blocks/known-key.js';
import { temporarySiteKey } from '../dist/events/blocks/site-key.js';
import { sealTick } from '../dist/events/blocks/tick.js';
import { migrate } from '../dist/index.js';
import { measured } from './command.js';
import { describeMachine } from './machine.js';
import { startServer } from './server.js';

const eventsOf = { full: 10_000_000, quick: 200_000 };
const part = 100_000;

const fill = `
  insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, data)
  select s.name, nextval('taskledger.event_seq'), s.name, 1, gen_random_uuid(), 1, 'task.submitted', date_trunc('milliseconds', clock_timestamp()), 'bench',
         ('{"name":"bench.a","queue":"default","priority":0,"retry":{"attempts":3},"input":{"payoutId":' || g || ',"amount":12.5}}')::json
    from taskledger.site s, generate_series(1, ${part}) g`;

export async function measureVerify({ quick, json }) {
  const server = await startServer();
  const results = {};
  const tell = (name, result) => {
    results[name] = result;
    if (!json) process.stdout.write(`${name.padEnd(16)}${JSON.stringify(result)}\n`);
  };
  try {
    const url = await server.createDatabase('verify');
    await migrate({ connectionString: url });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const key = temporarySiteKey();
    await addSiteKey(client, key);
    const wanted = quick ? eventsOf.quick : eventsOf.full;
    const sealed = { events: 0, blocks: 0, seconds: 0 };
    for (let recorded = 0; recorded < wanted; recorded += part) {
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
    if (verified.status !== 0) process.stdout.write(text);
    tell('audit verify', { ...verified, events_per_second: Math.round(sealed.events / verified.seconds) });
    if (json) process.stdout.write(`${JSON.stringify({ machine: describeMachine(), results }, null, 2)}\n`);
  } finally {
    await server.stop();
  }
}
