/*
 * Shows that the tests of guards can fail: removes one guard after the other in a copy of this tree and runs the test that
 * its patch names, which must pass with the guard and fail without it.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { applyChange, readPatch } from './apply-patch.js';

const root = path.resolve(import.meta.dirname, '../..');
const notCopied = new Set(['.git', '.taskledger', 'coverage', 'dist', 'node_modules', 'results']);
const runTimeoutMs = 300_000;

const usage = `npm run test:planted             all of them, one after the other: long
npm run test:planted NAME…       those of these names
npm run test:planted -- --check  only whether every patch still applies`;

process.exitCode = main(process.argv.slice(2));

function main(args) {
  let asked;
  try {
    const options = { check: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } };
    asked = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    return 2;
  }
  if (asked.values.help) {
    console.log(usage);
    return 0;
  }
  const patches = readPatches(asked.positionals);
  const unknown = asked.positionals.filter((wanted) => !patches.some(({ name }) => name === wanted));
  const unfit = patches.flatMap(({ name, patch }) => problemsOf(patch).map((problem) => `${name}: ${problem}`));
  if (unfit.length + unknown.length > 0) {
    console.error([...unfit, ...unknown.map((name) => `Expected the name of a patch; found ${name}.`)].join('\n'));
    return 1;
  }
  if (asked.values.check) {
    console.log(`${patches.length} patches apply.`);
    return 0;
  }
  const copy = copyTree();
  try {
    return tryAll(copy, patches) ? 0 : 1;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function readPatches(names) {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.patch'))
    .map((file) => file.replace(/\.patch$/, ''))
    .filter((name) => names.length === 0 || names.includes(name))
    .map((name) => ({ name, patch: readPatch(readFileSync(path.join(import.meta.dirname, `${name}.patch`), 'utf8')) }));
}

/** Why a patch cannot be tried, if it cannot. */
function problemsOf({ changes }) {
  return changes.flatMap((change) => {
    try {
      applyChange(readFileSync(path.join(root, change.file), 'utf8'), change);
      return [];
    } catch (error) {
      return [error.message];
    }
  });
}

function copyTree() {
  const copy = mkdtempSync(path.join(tmpdir(), 'taskledger-planted-'));
  cpSync(root, copy, { recursive: true, filter: (source) => !notCopied.has(path.basename(source)) });
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'), 'junction');
  return copy;
}

function tryAll(copy, patches) {
  const tests = patches.map(({ patch }) => patch);
  const whole = runTests(copy, tests);
  let allCaught = true;
  for (const { name, patch } of patches) {
    const before = whole.get(patch.fails);
    const { verdict, why } =
      before?.why === ''
        ? tryOne(copy, patch)
        : { verdict: 'FAILS WITH THE GUARD TOO, or is not there', why: before?.why ?? '' };
    if (verdict !== 'caught') allCaught = false;
    console.log(`${name.padEnd(32)} ${verdict.padEnd(10)} ${patch.test}: ${patch.fails}${why && `\n    ${why}`}`);
  }
  return allCaught;
}

function tryOne(copy, patch) {
  const originals = new Map(patch.changes.map(({ file }) => [file, readFileSync(path.join(copy, file), 'utf8')]));
  try {
    for (const change of patch.changes) {
      const file = path.join(copy, change.file);
      writeFileSync(file, applyChange(readFileSync(file, 'utf8'), change));
    }
    const without = runTests(copy, [patch]).get(patch.fails);
    // A tree that does not even start shows nothing about the test.
    if (without === undefined) return { verdict: 'DID NOT RUN', why: '' };
    return { verdict: without.why === '' ? 'NOT CAUGHT' : 'caught', why: without.why };
  } finally {
    for (const [file, text] of originals) writeFileSync(path.join(copy, file), text);
  }
}

/** Runs the tests these patches name; answers why it failed for each that was found, '' for one that passed. */
function runTests(copy, tests) {
  const report = path.join(copy, 'planted-report.json');
  rmSync(report, { force: true });
  const files = [...new Set(tests.map(({ test }) => test))];
  const names = tests.map(({ fails }) => fails.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
  const options = ['--reporter=json', `--outputFile=${report}`, '-t', names];
  spawnSync(process.execPath, [vitest, 'run', ...files, ...options], {
    cwd: copy,
    timeout: runTimeoutMs * tests.length,
  });
  let results = [];
  try {
    results = JSON.parse(readFileSync(report, 'utf8')).testResults.flatMap(({ assertionResults }) => assertionResults);
  } catch {
    // No report: nothing ran.
  }
  return new Map(
    tests.flatMap(({ fails }) => {
      const found = results.filter(({ fullName, status }) => fullName.includes(fails) && status !== 'skipped');
      if (found.length === 0) return [];
      const failed = found.find(({ status }) => status === 'failed');
      return [[fails, { why: failed === undefined ? '' : firstLine(failed) }]];
    }),
  );
}

/** What to read to see that a test failed of the guard, and not of a tree that does nothing any more. */
function firstLine({ failureMessages }) {
  return (
    failureMessages
      .join('\n')
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.slice(0, 200) ?? 'failed'
  );
}
