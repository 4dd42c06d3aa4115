import { statfs } from 'node:fs/promises';

const memory = '/dev/shm';
const roomBytes = 4 * 2 ** 30;

/**
 * Runs something that makes temporary servers, with their files in memory where there is room for them: a test makes and drops
 * databases of hundreds of files, which is most of the work of a file system. What is written is as safe from a killed server
 * there as on a disk.
 */
export async function inMemory<T>(start: () => Promise<T>): Promise<T> {
  const before = process.env['TMPDIR'];
  if (before !== undefined || !(await hasRoom())) return await start();
  process.env['TMPDIR'] = memory;
  try {
    return await start();
  } finally {
    delete process.env['TMPDIR'];
  }
}

async function hasRoom(): Promise<boolean> {
  const free = await statfs(memory).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  return Math.min(free, process.availableMemory() / 2) > roomBytes;
}
