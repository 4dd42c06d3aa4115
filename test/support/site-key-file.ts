import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { addSiteKey } from '../../src/events/blocks/known-key.ts';
import { createSiteKey } from '../../src/events/blocks/site-key.ts';

/** Where a key may be kept; gone when the test ends. */
export async function placeForKeys(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'taskledger-keys-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A private key in a file, known to the site of the database at `url`. */
export async function knownKeyFile(url: string): Promise<string> {
  const file = path.join(await placeForKeys(), 'site-key.pem');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await addSiteKey(client, await createSiteKey(file));
  await client.end();
  return file;
}
