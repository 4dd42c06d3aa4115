import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/**
 * Compresses a file: `{"path": "/var/log/a.log", "to": "/backup/a.log.gz"}`. A plain function, which needs no package; under
 * its name the result is either whole or not there.
 */
export async function compress({ input: { path, to }, attempt, taskId, signal, progress }) {
  const { size } = await stat(path);
  const unfinished = `${to}.${taskId}.${attempt}`;
  let read = 0;
  const counted = new Transform({
    transform(chunk, _encoding, done) {
      read += chunk.length;
      void progress({ fraction: read / Math.max(1, size), message: `${read} bytes` });
      done(null, chunk);
    },
  });
  try {
    await pipeline(createReadStream(path), counted, createGzip(), createWriteStream(unfinished), { signal });
    const { size: compressed } = await stat(unfinished);
    await rename(unfinished, to);
    return { to, bytes: size, compressed };
  } finally {
    await rm(unfinished, { force: true });
  }
}
