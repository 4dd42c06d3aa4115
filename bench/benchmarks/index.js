// A benchmark is a list of measures:
//   title, unit, tasks
//   variants(peer)             configurations to try; undefined: this peer can't
//   prepare(peer, n)?          before the timed part
//   run(peer, n, variant)      → a timing, or { samples } in milliseconds
//   check(peer, n)?            after the timed part; throws if the peer did not do its work
//   goals                      what the design asks for; printed, never asserted
import { drain } from './drain.js';
import { latency } from './latency.js';
import { submit } from './submit.js';
import { sustained } from './sustained.js';

export const benchmarks = { drain, submit, latency, sustained };
