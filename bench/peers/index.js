// A peer is a function of `{ timed }` (see server.js) that returns
//
//   name, version
//   setup(url)                 creates its schema in an empty database and one task kind, `bench.noop`
//   submitBatch(n, batch)      n waiting tasks, {"i": 1} … {"i": n}                                  → a timing
//   submitInTransaction(n, connections)   begin; one row of the app's own; one task; commit          → a timing
//   drainVariants              configurations of drain worth trying: the best one counts
//   drain(n, variant)          runs the n waiting tasks in the fastest documented way                → a timing
//   singleVariants
//   drainOneAtATime(n, variant)   24 connections; each task claimed, run and completed by itself     → a timing
//   remaining()                tasks not yet finished, as the database sees it
//   latency(n)                 milliseconds from the call of submit to the start of the handler      → n samples
//   close()
//
// A timing is what `timed` returns: { seconds, cpuSeconds: { postgres, node } }. Starting processes and opening
// connections stays outside of it. A peer leaves out what it cannot do (the bare log runs no handlers).
import { bareLog } from './bare-log.js';
import { graphileWorker } from './graphile-worker.js';
import { pgBoss } from './pg-boss.js';
import { taskledger } from './taskledger.js';

export const peers = { taskledger, 'graphile-worker': graphileWorker, 'pg-boss': pgBoss, 'bare-log': bareLog };
