import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { readConfig } from '../../../config.ts';
import type { ChildLimits } from '../../../ledger/child-limits.ts';
import type { Account } from './account.ts';
import type { Layers } from './layers.ts';

const run = promisify(execFile);

/** A directory with a size is memory: beyond that it is taken only where nothing weaker will do. */
const MAX_SIZED_BYTES = 256 * 2 ** 20;
/** Of each file, so that a million of them are not free. */
const bytesPerFile = 4096;

/** Whether the directory of a fresh child is given a size by the kernel; else the runner looks at what is in it. */
export function isSized({ diskBytes, required }: ChildLimits, { tmpfs }: Layers): boolean {
  return tmpfs && diskBytes !== undefined && (diskBytes <= MAX_SIZED_BYTES || required.includes('disk'));
}

/** @throws whatever mount says */
export async function giveSize(directory: string, bytes: number, account: Account | undefined): Promise<void> {
  const owner = account === undefined ? '' : `,uid=${account.uid},gid=${account.gid}`;
  const files = Math.max(64, Math.ceil(bytes / bytesPerFile));
  const size = `size=${bytes},nr_inodes=${files},mode=700${owner}`;
  await run('mount', ['-t', 'tmpfs', '-o', `nosuid,nodev,${size}`, 'taskledger', directory], options());
}

/** At once for whoever looks, whatever still holds a file there. */
export async function takeSize(directory: string): Promise<void> {
  await run('umount', ['-l', directory], options()).catch(() => undefined);
}

function options(): { readonly env: NodeJS.ProcessEnv } {
  return { env: { PATH: readConfig('PATH') } };
}
