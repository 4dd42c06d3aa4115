#!/usr/bin/env node
/*
 * Starts dist/cli/main.js. In a clone it first builds what is missing or older than src/, so that `node bin/taskledger.js`
 * always runs the sources in front of you; an installed package has no src/ and nothing is looked at.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const root = path.resolve(import.meta.dirname, '..');
const main = path.join(root, 'dist/cli/main.js');
const stamp = path.join(root, 'dist/.built');
const buildInfo = path.join(root, 'dist/.tsbuildinfo');
const lock = path.join(root, 'node_modules/.taskledger-build.lock');
const compiler = path.join(root, 'node_modules/typescript/bin/tsc');

const isClone = existsSync(path.join(root, 'src'));
if (isClone && !isFresh()) buildOnce();
if (existsSync(main)) {
  await import(pathToFileURL(main).href);
} else {
  fail(
    isClone
      ? 'Expected the built program in dist/; found none, and no TypeScript here to build it. Run npm ci, then npm run build.'
      : 'Expected dist/cli/main.js beside this launcher; found none. Install the package taskledger again.',
  );
}

function isFresh() {
  const built = Math.max(modifiedAt(stamp), modifiedAt(buildInfo));
  return existsSync(main) && built > 0 && newestSource() <= built;
}

function newestSource() {
  const sources = readdirSync(path.join(root, 'src'), { recursive: true }).map((name) => path.join(root, 'src', name));
  const settings = ['tsconfig.json', 'tsconfig.build.json'].map((name) => path.join(root, name));
  return [...sources, ...settings].reduce((newest, file) => Math.max(newest, modifiedAt(file)), 0);
}

function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Several commands may be started at once after an edit: one builds, the others wait for it. */
function buildOnce() {
  if (!existsSync(compiler)) return;
  try {
    while (!takeLock()) pause(100);
  } catch (error) {
    process.stderr.write(`taskledger: cannot build here (${error.code}); running what was built before\n`);
    return;
  }
  try {
    if (!isFresh()) build();
  } finally {
    rmSync(lock, { force: true });
  }
}

function takeLock() {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    if (isAbandoned()) rmSync(lock, { force: true });
    return false;
  }
}

function isAbandoned() {
  const age = Date.now() - modifiedAt(lock);
  if (age > 120_000) return existsSync(lock); // nothing builds that long
  try {
    const holder = Number(readFileSync(lock, 'utf8'));
    if (holder > 0) process.kill(holder, 0);
    return holder === 0 && age > 5_000; // made, but its owner died before writing its id
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

function pause(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Emits without judging types (that is `npm run check:types`), so that a start after an edit costs about a second. */
function build() {
  const startedAt = new Date();
  process.stderr.write('taskledger: building src/ (changed since the last build)\n');
  if (!existsSync(main)) rmSync(buildInfo, { force: true }); // else tsc believes what it wrote is still there
  const { status, signal } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--noCheck'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (signal !== null) process.kill(process.pid, signal);
  if (status !== 0) {
    rmSync(lock, { force: true });
    fail('Expected src/ to compile; found the errors above. Mend them, then run the command again.');
  }
  writeFileSync(stamp, '');
  utimesSync(stamp, startedAt, startedAt); // what is saved during the build is built at the next start
}

function fail(message) {
  process.stderr.write(`taskledger: ${message}\n`);
  process.exit(4);
}
