import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { identifyThisProcess, livenessOf } from './process-identity.ts';
import type { Liveness } from './process-identity.ts';

const ownerRecord = z.object({
  /** Tells two claims of the same process apart. */
  claim: z.string(),
  pid: z.number(),
  started: z.string(),
  boot: z.string(),
  space: z.string(),
});

export interface Owner extends z.infer<typeof ownerRecord> {
  readonly liveness: Liveness;
}

export type ClaimOutcome =
  | { readonly kind: 'claimed'; readonly previous: Owner | undefined; readonly release: () => Promise<void> }
  | { readonly kind: 'taken'; readonly by: Owner };

/** Who started the server in this directory; undefined if nobody is recorded. */
export async function readOwner(directory: string): Promise<Owner | undefined> {
  const text = await readFile(ownerFile(directory), 'utf8').catch(() => undefined);
  try {
    const record = ownerRecord.parse(JSON.parse(text ?? ''));
    return { ...record, liveness: livenessOf(record) };
  } catch {
    return undefined;
  }
}

/** Records this process as the one that runs a server here, unless another living one does. */
export async function claimDirectory(directory: string): Promise<ClaimOutcome> {
  const claim = randomUUID();
  const text = `${JSON.stringify({ claim, ...identifyThisProcess() })}\n`;
  let previous: Owner | undefined;
  for (;;) {
    if (await createWhole(ownerFile(directory), text, claim)) break;
    const owner = await readOwner(directory);
    if (owner?.liveness === 'alive') return { kind: 'taken', by: owner };
    previous = owner;
    await setAside(directory, owner);
  }
  const release = async (): Promise<void> => {
    if ((await readOwner(directory))?.claim === claim) await rm(ownerFile(directory), { force: true });
  };
  return { kind: 'claimed', previous, release };
}

/** Creates the file with all of its content at once, or not at all. */
async function createWhole(file: string, text: string, claim: string): Promise<boolean> {
  const draft = `${file}.${claim}`;
  await writeFile(draft, text, { mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** Takes the record of a dead owner away. If somebody claimed in between, it is theirs, and is put back. */
async function setAside(directory: string, stale: Owner | undefined): Promise<void> {
  const aside = `${ownerFile(directory)}.${randomUUID()}`;
  await rename(ownerFile(directory), aside).catch(() => undefined);
  const moved = await readFile(aside, 'utf8').catch(() => '');
  if (moved !== '' && !moved.includes(stale?.claim ?? '')) {
    await link(aside, ownerFile(directory)).catch(() => undefined);
  }
  await rm(aside, { force: true });
}

function ownerFile(directory: string): string {
  return join(directory, 'owner.json');
}
