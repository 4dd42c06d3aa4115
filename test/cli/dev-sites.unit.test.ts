import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { devSites, siteNames } from '../../src/cli/dev-sites.ts';

async function directory(...files: string[]): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'taskledger-dev-sites-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  for (const file of files) {
    mkdirSync(path.join(dir, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(dir, file), '');
  }
  return dir;
}

test('reads names in their order', () => {
  expect(siteNames('fra, ams')).toEqual(['fra', 'ams']);
});

test.each(['', 'ams,ams', 'Ams', 'ams,', 'data', 'url', '../ams', 'a,b,c,d,e,f,g,h,i'])(
  'refuses --sites %j',
  (text) => {
    expect(() => siteNames(text)).toThrow(expect.objectContaining({ code: 'TASKLEDGER_INVALID_OPTION' }));
  },
);

test('those that are named, each below the directory', async () => {
  const dir = await directory('lon/server.json');
  expect(await devSites(dir, ['fra', 'ams'])).toEqual([
    { name: 'fra', dataDir: path.join(dir, 'fra') },
    { name: 'ams', dataDir: path.join(dir, 'ams') },
  ]);
});

test('unnamed: those of last time', async () => {
  const dir = await directory('fra/server.json', 'ams/server.json', 'notes/read.me', 'url');
  expect((await devSites(dir, undefined)).map(({ name }) => name)).toEqual(['ams', 'fra']);
});

test('unnamed: the only site, where it was before or where nothing is', async () => {
  const only = (dir: string) => [{ name: 'local', dataDir: dir }];
  const [empty, used, both] = [
    await directory(),
    await directory('data/PG_VERSION', 'server.json'),
    await directory('data/PG_VERSION', 'server.json', 'ams/server.json'),
  ];
  for (const dir of [empty, used, both, path.join(empty, 'not-there')]) {
    expect(await devSites(dir, undefined)).toEqual(only(dir));
  }
});
