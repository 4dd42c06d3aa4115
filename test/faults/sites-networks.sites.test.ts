import { cp } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { runCli, type CliResult } from '../cli/run-cli.ts';
import { emptyDirectory, startDev } from '../cli/start-dev.ts';
import { twoNetworks, whyNoNetworks, type Network } from '../support/network-namespaces.ts';
import { repositoryRoot } from '../support/repository.ts';
import { scaled, testScale } from '../support/scale.ts';

/**
 * Two sites, each with its server, daemon and runner in a network namespace of its own: what is lost is lost in the kernel, and no
 * proxy answers for anybody. Everything is done as people do it, with the command line.
 */
const why = whyNoNetworks();
if (why !== undefined)
  console.warn(`No sites in network namespaces are tested here: ${why}. Proxies cut links instead.`);

const faultMs = scaled(1800);
const soon = { timeout: 60_000, interval: 500 };

interface Site {
  readonly name: string;
  readonly network: Network;
  readonly cli: (...args: string[]) => Promise<CliResult>;
  /** How the other site reaches it. */
  readonly url: string;
  readonly stop: () => Promise<unknown>;
}

async function openSite(name: string, network: Network): Promise<Site> {
  const cwd = await emptyDirectory();
  await cp(path.join(repositoryRoot, 'examples/first-task/tasks.mjs'), path.join(cwd, 'tasks.mjs'));
  const options = { cwd, by: network.enter };
  const { ready, stop } = await startDev(['--sites', name, '--handlers', 'tasks.mjs'], options);
  const url = new URL(ready.sites[0]!.url);
  url.port = String(await network.offer(Number(url.port)));
  url.hostname = network.address;
  return { name, network, url: url.href, stop, cli: (...args) => runCli([...args, '--json'], options) };
}

async function submit({ cli }: Site): Promise<string> {
  const { objects } = await cli('submit', 'greetings.say', '--input', '{"name":"Ada"}');
  return objects()[0]?.['id'] as string;
}

async function completedAt({ cli }: Site): Promise<string[]> {
  const { stdout, objects } = await cli('list', '--state', 'completed', '--limit', '1000');
  return stdout === '' ? [] : objects().map(({ id }) => id as string);
}

/** Everything was run, and everybody says that both logs are one. */
async function expectOneLog(sites: readonly Site[], tasks: readonly string[]): Promise<void> {
  const told = async (site: Site, ...command: string[]): Promise<unknown> => (await site.cli(...command)).objects();
  for (const site of sites) {
    await expect.poll(async () => (await completedAt(site)).sort(), soon).toEqual([...tasks].sort());
    await expect.poll(() => told(site, 'site', 'status'), soon).toMatchObject([{ in_sync: true }]);
    expect((await site.cli('audit', 'verify')).status).toBe(0);
  }
  const heads = await Promise.all(sites.map((site) => told(site, 'audit', 'heads')));
  expect(heads[0]).toHaveLength(2);
  expect(heads[1]).toEqual(heads[0]);
}

const losses: readonly (readonly [string, readonly (0 | 1)[]])[] = [
  ['what both send', [0, 1]],
  ['what ams sends', [0]],
  // The site that was added, instead of the one that added it.
  ...(testScale < 2 ? [] : [['what fra sends', [1]] as const]),
];

test.skipIf(why !== undefined).each(losses)(
  'I1, I10: sites in networks of their own go on while %s is lost without a word, and then prove that they hold the same log',
  async (_what, losing) => {
    const networks = twoNetworks();
    const sites = [await openSite('ams', networks[0]), await openSite('fra', networks[1])] as const;
    const [ams, fra] = sites;
    const { status } = await ams.cli('site', 'add', fra.url, '--back-link', ams.url, '--insecure', '--wait', '30s');
    expect(status).toBe(0);
    for (const side of losing) networks[side].lose();
    const tasks: [string[], string[]] = [[], []];
    for (const until = Date.now() + faultMs; Date.now() < until;) {
      for (const side of [0, 1] as const) tasks[side].push(await submit(sites[side]));
    }
    for (const side of [0, 1] as const) {
      await expect.poll(() => completedAt(sites[side]), soon).toEqual(expect.arrayContaining(tasks[side]));
    }
    for (const side of losing) {
      const arrived = new Set(await completedAt(sites[1 - side]!));
      expect(tasks[side].filter((id) => arrived.has(id))).toEqual([]);
    }
    for (const side of losing) networks[side].mend();
    tasks[0].push(await submit(ams));
    await expectOneLog(sites, tasks.flat());
    await Promise.all(sites.map(({ stop }) => stop()));
  },
  120_000 + scaled(30_000),
);
