import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from './cli/run-cli.ts';
import { createTestDatabase } from './support/database.ts';
import { notRun, pageBlocks } from './support/pages/page-blocks.ts';
import { commandsOf } from './support/pages/page-commands.ts';
import { hasPsql, PageSession } from './support/pages/page-session.ts';
import { repositoryFiles, repositoryRoot } from './support/repository.ts';

/** Pages whose blocks are run by tests of their own, or hold nothing to run. */
const elsewhere = ['isolation.md', 'personal-data.md', 'plugins.md', 'runtimes.md', 'sites.md'];
const because = hasPsql ? '' : ' (SQL by the driver: this machine has no psql)';

test('docs/guides/first-task.md works from top to bottom, with nothing but the package', async () => {
  const page = pageBlocks('docs/guides/first-task.md');
  expect(notRun(page)).toEqual([]);
  await using session = await PageSession.start();
  await session.follow(page);
  await session.stopBackground();
}, 120_000);

const onADatabase = {
  'transactions-and-outbox.md': [
    '// Drizzle: inside db.transaction(async (tx) => …) (drizzle is no dependency of ours)',
    '// Prisma: inside prisma.$transaction(async (tx) => …) (prisma is no dependency of ours)',
    '# psycopg: inside "with connection.transaction():"; Django: inside "with transaction.atomic():", with connection.cursor() (needs a Python driver)',
    'const ledger = await openLedger({ peers: { fra: process.env.FRA_URL, lon: process.env.LON_URL } }); (needs a second site)',
  ],
  'retries-and-protected-tasks.md': [],
  'operating.md': [],
  'fairness.md': [],
};

test.each(Object.entries(onADatabase))(
  `docs/guides/%s works from top to bottom${because}`,
  async (name, left) => {
    const page = pageBlocks(`docs/guides/${name}`);
    expect(notRun(page)).toEqual(left);
    await using database = await createTestDatabase();
    await using session = await PageSession.start({
      env: { TASKLEDGER_DATABASE_URL: database.url },
      sqlUrl: () => database.url,
    });
    await session.follow(page);
    await session.stopBackground();
  },
  120_000,
);

test('every guide is followed by a test', () => {
  const guides = readdirSync(path.join(repositoryRoot, 'docs/guides'));
  const followed = ['first-task.md', ...Object.keys(onADatabase), ...elsewhere];
  expect(guides.filter((name) => !followed.includes(name))).toEqual([]);
});

test('every command and option that a page or a unit file names exists', async () => {
  const written = repositoryFiles().filter(({ path: file }) =>
    /^(README\.md|docs\/|examples\/.*\.(md|service)$)/.test(file),
  );
  const used = written.flatMap(commandsOf);
  expect(used.length).toBeGreaterThan(20);
  const help = new Map<string, string>();
  for (const command of new Set(used.map((one) => one.command))) {
    const { status, stdout } = await runCli([command, '--help']);
    const below = [...stdout.matchAll(/^ {2}([a-z][a-z-]*) \[options\]/gm)].map(([, name = '']) => name);
    const texts = await Promise.all(below.map(async (name) => (await runCli([command, name, '--help'])).stdout));
    help.set(command, status === 0 ? [stdout, ...texts].join('\n') : '');
  }
  const unknown = used.flatMap(({ place, command, options }) => {
    const text = help.get(command) ?? '';
    if (!text.startsWith(`Usage: taskledger ${command}`)) return [`${place}: no command "${command}"`];
    return options
      .filter((option) => !new RegExp(`${option}\\b`).test(text))
      .map((option) => `${place}: ${command} has no ${option}`);
  });
  expect(unknown).toEqual([]);
}, 120_000);
