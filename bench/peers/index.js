// A peer is a function of a server (see server.js) that returns
//
//   name, version
//   setup(url)                 creates its schema in an empty database and one task kind, `bench.noop`
//   submit(n, batch)           n waiting tasks, {"i": 1} … {"i": n}, in calls of so many
//   submitSome(count)          one call → the ids of the tasks
//   submitInTransaction(n)     16 connections: begin; one row of the app's own; one task; commit     → a timing
//   fill(n)                    n waiting tasks, however it goes fastest; not timed
//   fillFinished(n)            n tasks of the past, of a peer that keeps them
//   drainVariants              configurations of drain worth trying: the best one counts
//   likelyVariants             those of them that have been the best, where there is little time
//   drain(n, variant)          runs the n waiting tasks in the fastest documented way                → a timing
//   byProcesses(count)         the configuration of drain for so many processes
//   singleVariants
//   drainOneAtATime(n, variant)   24 connections; each task claimed, run and completed by itself     → a timing
//   sustainedVariants, sustained(n, variant)   the drain until the history is proven and searchable  → a timing
//   liveVariants, arrivalVariants
//   start(variant)             runners that go on from `work()` until `stop()`; see startProcesses, and `settled()`: all is done
//   remaining(n)               tasks not yet finished, as the database sees it
//   unfinished(ids)            which of these are not
//   submitWays                 of `latency`: of typescript, transaction and sql those it has
//   latency(n, way)            milliseconds from the call of submit to the start of the handler      → n samples
//   query(text, values), pool()   its database
//   timed                      of the server
//   close()
//
// A timing is what `timed` returns: { seconds, cpuSeconds: { postgres, node } }. Starting processes and opening
// connections stays outside of it. A peer leaves out what it cannot do (the bare log runs no handlers).
import { bareLog } from './bare-log.js';
import { graphileWorker } from './graphile-worker.js';
import { pgBoss } from './pg-boss.js';
import { taskledger } from './taskledger.js';

export const peers = { taskledger, 'graphile-worker': graphileWorker, 'pg-boss': pgBoss, 'bare-log': bareLog };
