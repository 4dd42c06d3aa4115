import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { defineTask, FatalError } from 'taskledger';

/** Input `{ "path": …, "to": … }`; output `{ "bytes": …, "compressed": … }`. */
export const gzip = defineTask({ name: 'files.gzip', timeout: '10m' }).handle(async ({ input, signal }) => {
  const { path, to } = input ?? {};
  if (typeof path !== 'string' || typeof to !== 'string') throw new FatalError('Expected { "path": …, "to": … }');
  const draft = `${to}.${randomUUID()}.part`;
  try {
    const { size: bytes } = await stat(path);
    await pipeline(createReadStream(path), createGzip(), createWriteStream(draft), { signal });
    const { size: compressed } = await stat(draft);
    await rename(draft, to);
    return { bytes, compressed };
  } catch (error) {
    await rm(draft, { force: true });
    // Another attempt would not find it either.
    if (error.code === 'ENOENT') throw new FatalError(error.message, { cause: error });
    throw error;
  }
});
