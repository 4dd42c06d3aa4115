// Runs parts: one at its full size, or all of the table after one another, each within its time; cleans up however they end.
import { goalRows, goalRowsOf, goalTable } from './goals.js';
import { describeMachine } from './machine.js';
import { parts, wholeTable } from './parts.js';
import { killCommands } from './command.js';
import { killProcesses } from './processes.js';
import { round3, writeResults } from './report.js';
import { undoAll } from './undo.js';
import { within } from './within.js';

const progress = (line) => process.stderr.write(`${line}\n`);
/** A part that takes so many times its time has failed. */
const patience = 4;
const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/** A run that is interrupted, or that something nobody waited for brings down, stops its servers, processes and directories first. */
export function undoAtTheEnd() {
  let stopping = false;
  const stop = (status, why) => {
    if (stopping) return; // what fails now, fails because all is being stopped
    stopping = true;
    progress(`${why}: stopping what was started …`);
    void end().finally(() => process.exit(status));
  };
  for (const [signal, status] of Object.entries(signals)) process.on(signal, () => stop(status, signal));
  process.on('uncaughtException', (error) => {
    if (!isEndOfConnection(error)) stop(4, error.stack);
  });
  process.on('unhandledRejection', (error) => stop(4, error?.stack ?? String(error)));
}

/** An idle connection says so when its server stops, also that of a part that failed; who waits for an answer on one is told itself. */
const isEndOfConnection = ({ code, message }) =>
  ['57P01', 'ECONNRESET', 'EPIPE'].includes(code) || /^Connection terminated/.test(message);

async function end() {
  killProcesses();
  killCommands();
  await undoAll();
}

/** @returns the results of a part, written to a file @throws Error in words when it fails; nothing of it is left running */
async function runOne(name, sizeName, options) {
  const { measure, sizes } = await import(parts[name].file);
  const seconds = sizeName === 'whole' ? parts[name].seconds : Infinity;
  const startedAt = performance.now();
  const tell = (text) => options.json || process.stdout.write(`${text}\n`);
  const machine = describeMachine(); // its load is that of before
  try {
    const at = new Date().toISOString();
    const deadline = startedAt + seconds * 1000;
    const perform = () => measure({ ...options, size: sizes[sizeName], deadline, tell, progress });
    // Of the whole table none may wait for ever for what does not come; a part by its name is stopped by whoever started it.
    const found = await (sizeName === 'whole' ? within(patience * seconds, perform) : perform());
    const took = (performance.now() - startedAt) / 1000;
    const command = commandOf(name, sizeName, options);
    const results = { benchmark: name, at, command, size: sizeName, took, machine, ...found };
    const complete = sizeName !== 'quick' && !['peers', 'parts', 'profile'].some((option) => options[option]);
    const file = writeResults(fileOf(name, options), { ...results, sizes: sizes[sizeName] }, complete);
    return { results, file };
  } finally {
    await end();
  }
}

/** A comparison with another checkout is kept beside what is measured without one. */
const fileOf = (name, { baseline }) => (baseline === undefined ? name : `${name}-baseline`);

const commandOf = (name, sizeName, { rounds, peers, baseline, parts: some, profile }) =>
  [
    sizeName === 'whole' ? 'npm run bench' : `npm run bench -- ${name}`,
    ...(sizeName === 'quick' ? ['--quick'] : []),
    ...(rounds === undefined ? [] : [`--rounds ${rounds}`]),
    ...(peers === undefined ? [] : [`--peers ${peers}`]),
    ...(baseline === undefined ? [] : ['--baseline DIR']),
    ...(some === undefined ? [] : [`--parts ${some}`]),
    ...(profile ? ['--profile'] : []),
  ].join(' ');

/** @returns an exit status */
export async function runPart(options) {
  const { name, quick, json } = options;
  const { results, file } = await runOne(name, quick ? 'quick' : 'full', options);
  if (json) process.stdout.write(`${JSON.stringify(results, round3, 2)}\n`);
  else {
    const rows = goalRowsOf(name, results);
    if (rows.length > 0) process.stdout.write(`\n${goalTable(rows)}\n`);
    process.stdout.write(`\n${quick ? 'Quick run: the figures mean little. ' : ''}Written to bench/${file}\n`);
  }
  return 0;
}

/** Every part of the table; one that fails is named at the end, and the others go on. @returns an exit status */
export async function runWholeTable(options) {
  const { quick, json } = options;
  const found = {};
  const failed = [];
  const startedAt = performance.now();
  for (const [i, name] of wholeTable.entries()) {
    progress(`\n${i + 1}/${wholeTable.length} ${name}: ${parts[name].what}`);
    try {
      const { results } = await runOne(name, quick ? 'quick' : 'whole', options);
      found[name] = results;
      progress(`${name} took ${results.took.toFixed(0)} s of ${parts[name].seconds}`);
    } catch (error) {
      failed.push(`${name}: ${error.message}`);
      progress(`${name} failed: ${error.message}`);
    }
  }
  const took = (performance.now() - startedAt) / 1000;
  const rows = goalRows(found);
  const table = { at: new Date().toISOString(), size: quick ? 'quick' : 'whole', took, goals: rows, failed };
  const file = writeResults(
    'table',
    { benchmark: 'table', machine: describeMachine(), ...table },
    !quick && failed.length === 0,
  );
  if (json) process.stdout.write(`${JSON.stringify({ ...table, parts: found }, round3, 2)}\n`);
  else {
    process.stdout.write(`\n${goalTable(rows)}\n\nThe whole table took ${(took / 60).toFixed(1)} minutes.\n`);
    process.stdout.write(`${failed.map((what) => `Failed: ${what}\n`).join('')}`);
    process.stdout.write(
      `${quick ? 'Quick run: the figures mean little. ' : ''}Written to bench/${file} and a file of each part\n`,
    );
  }
  return failed.length === 0 ? 0 : 1;
}
