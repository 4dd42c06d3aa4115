// The peers live in this folder's own package, so that nobody who installs taskledger installs them. They need
// Node ≥ 22.18; taskledger runs on 20.19. Everyone is measured on the same Node: 24 or newer, brought along as a package.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const oldestNode = 24;
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** `npm ci` on first use, and again when the lock file is newer than what is installed. */
export function installPackages() {
  const installed = here('node_modules/.package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(here('package-lock.json')).mtimeMs) return;
  process.stderr.write('Installing the packages of bench/ …\n');
  // The warnings about engines speak of the Node that installs, not of the one that will run them.
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: here('.'),
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    process.stderr.write('`npm ci` in bench/ failed; the benchmarks need its packages.\n');
    process.exit(3);
  }
}

/** The benchmarks measure what is built, and use its embedded server. */
export function checkBuild() {
  if (existsSync(here('../dist/postgres/embedded/start-embedded-postgres.js'))) return;
  process.stderr.write('Expected dist/: run `npm ci` or `npm run build` in the project first.\n');
  process.exit(3);
}

/**
 * Runs this same command again under a Node that the peers accept.
 * @returns false if the Node that is running already is one.
 */
export function withPeersNode() {
  if (Number(process.versions.node.split('.')[0]) >= oldestNode) return false;
  const child = spawn(findNode(), process.argv.slice(1), { stdio: 'inherit' });
  // A terminal signals the child as well; a `kill` of this process would not reach it otherwise.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGKILL' ? 137 : 1)));
  return true;
}

// What the npm package `node` would fetch in an install script: directly, so that the lock file pins its digest and
// it also works where install scripts are off.
function findNode() {
  const name = `node-${process.platform}-${process.arch}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return manifest.replace(/package\.json$/, 'bin/node');
  } catch {
    process.stderr.write(
      `The peers need Node ≥ ${oldestNode}, found ${process.version} and no package ${name} in bench/: run this with a newer Node.\n`,
    );
    return process.exit(3);
  }
}
