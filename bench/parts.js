// Every benchmark by its name: what it measures, the file that does, and how many seconds of the whole table are its; without
// `seconds` it is run by name only. A file exports `sizes` ({ full, whole, quick }) and `measure`; see README.md.
export const parts = {
  drain: {
    what: 'how fast waiting tasks are run, in tuned batches and one at a time',
    file: './benchmarks/drain.js',
    seconds: 150,
  },
  sustained: {
    what: 'the drain with sealing, projecting and a peer site, until the last event is sealed, projected and proven there',
    file: './benchmarks/sustained.js',
    seconds: 100,
  },
  submit: {
    what: 'how fast tasks are submitted, in batches and singly inside an app transaction',
    file: './benchmarks/submit.js',
    seconds: 75,
  },
  latency: {
    what: 'from the call of submit to the start of the handler, on an idle system',
    file: './benchmarks/latency.js',
    seconds: 55,
  },
  runners: { what: 'the drain by one to four processes', file: './benchmarks/runners.js', seconds: 65 },
  arrival: {
    what: 'from submit until the database shows the task completed, under a steady arrival',
    file: './benchmarks/arrival.js',
    seconds: 45,
  },
  growth: {
    what: 'the drain with many tasks waiting behind it, and with a long history',
    file: './benchmarks/growth.js',
    seconds: 95,
  },
  held: {
    what: 'the drain under load while an old transaction is held open',
    file: './benchmarks/held.js',
    seconds: 85,
  },
  soak: {
    what: 'half of what each can do, for long: dead tuples, indexes, memory',
    file: './benchmarks/soak.js',
    seconds: 85,
  },
  footprint: {
    what: 'bytes of WAL per task, and bytes on disk per finished task',
    file: './benchmarks/footprint.js',
    seconds: 30,
  },
  projections: {
    what: 'what sealing and each projection cost per event, and the bytes they keep',
    file: './projections.js',
    seconds: 20,
  },
  proven: {
    what: 'from an event to its block and its projection under load',
    file: './proven.js',
    seconds: 30,
  },
  verify: { what: 'sealing and verifying a long log, and the memory that takes', file: './verify.js', seconds: 35 },
  memory: {
    what: 'the memory of a daemon, a runner and a verification, under load',
    file: './memory.js',
    seconds: 50,
  },
  recovery: {
    what: 'how long a killed runner, a killed Postgres and an abort are felt',
    file: './recovery.js',
    seconds: 50,
  },
  replication: {
    what: 'between two sites: events a second, lag, CPU per process, partition, repair, pull',
    file: './replication.js',
    seconds: 105,
  },
  isolation: {
    what: 'what an attempt costs inline, in a warm child and in a fresh one',
    file: './isolation.js',
    seconds: 25,
  },
  hostile: {
    what: 'what neighbours notice of an attempt that means harm, when its place is usable again, how long an aborted child lives',
    file: './hostile.js',
    seconds: 25,
  },
  cold: { what: 'from the start of a program to its first task', file: './cold.js', seconds: 25 },
  functions: {
    what: 'what each SQL function costs with a million open tasks and no statistics',
    file: './functions.js',
  },
  search: {
    what: 'a page of list among ten million tasks, filter by filter, with statistics and without',
    file: './search.js',
  },
  rebuild: {
    what: 'how long making the open tasks anew from a log of a million events takes, and the comparison',
    file: './rebuild.js',
  },
};

/** The parts of the whole table, in its order. */
export const wholeTable = Object.keys(parts).filter((name) => parts[name].seconds !== undefined);
