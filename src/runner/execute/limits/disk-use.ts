import { lstat, opendir } from 'node:fs/promises';
import path from 'node:path';

/** The least a file counts, so that empty ones are not free. */
const leastBytes = 4096;
/** Files that are looked at together. */
const atOnce = 64;

/**
 * What a directory holds, links not followed. Stops looking as soon as that is more than `enoughBytes`: a million files are
 * not counted to know that they are too many.
 */
export async function diskUse(directory: string, enoughBytes: number): Promise<number> {
  let bytes = 0;
  const left = [directory];
  for (let next = left.pop(); next !== undefined && bytes <= enoughBytes; next = left.pop()) {
    try {
      let looking: Promise<number>[] = [];
      for await (const entry of await opendir(next, { bufferSize: 256 })) {
        const file = path.join(next, entry.name);
        if (entry.isDirectory()) left.push(file);
        looking.push(bytesOf(file));
        if (looking.length < atOnce) continue;
        bytes += await sumOf(looking);
        looking = [];
        if (bytes > enoughBytes) break;
      }
      bytes += await sumOf(looking);
    } catch {
      // Removed meanwhile, or not to be read: what is in it is not counted.
    }
  }
  return bytes;
}

async function sumOf(looking: readonly Promise<number>[]): Promise<number> {
  return (await Promise.all(looking)).reduce((sum, bytes) => sum + bytes, 0);
}

/** What it takes on the disk: a file with holes may be longer. */
async function bytesOf(file: string): Promise<number> {
  try {
    return Math.max(leastBytes, (await lstat(file)).blocks * 512);
  } catch {
    return 0;
  }
}
