import { open, rm } from 'node:fs/promises';
import { LedgerError } from '../../errors.ts';
import type { Terminal } from '../terminal.ts';

export interface WrittenBundle {
  readonly lines: number;
  readonly bytes: number;
}

/**
 * Writes a bundle to a new file, or to stdout without one. A file that could not be finished is removed: half a bundle is none.
 * @throws LedgerError TASKLEDGER_OUTPUT_NOT_WRITTEN, and whatever making the lines throws
 */
export async function writeBundle(lines: AsyncIterable<string>, file: string | undefined): Promise<WrittenBundle> {
  if (file === undefined) return await writeLines(lines, writeStdout);
  const handle = await open(file, 'wx').catch((cause: unknown) => {
    throw notWritten(file, cause);
  });
  try {
    const written = await writeLines(lines, async (text) => {
      await handle.appendFile(text).catch((cause: unknown) => {
        throw notWritten(file, cause);
      });
    });
    await handle.sync();
    await handle.close();
    return written;
  } catch (error) {
    await handle.close();
    await rm(file, { force: true });
    throw error;
  }
}

/** Says what was written, on stdout when the bundle is in a file. */
export function tellWritten(file: string | undefined, { lines, bytes }: WrittenBundle, terminal: Terminal): void {
  if (file === undefined) return;
  if (terminal.json) terminal.object({ file, lines, bytes });
  else
    terminal.line(
      `Wrote ${lines} lines, ${bytes} bytes, to ${JSON.stringify(file)}. Check it offline with: taskledger verify-bundle ${file}`,
    );
}

/** Gathered before it is written: a system call per event would cost more than the event. */
const chunkCharacters = 256 * 1024;

async function writeLines(
  lines: AsyncIterable<string>,
  write: (text: string) => Promise<void>,
): Promise<WrittenBundle> {
  let [count, bytes] = [0, 0];
  let chunk = '';
  for await (const line of lines) {
    count += 1;
    bytes += Buffer.byteLength(line);
    chunk += line;
    if (chunk.length < chunkCharacters) continue;
    await write(chunk);
    chunk = '';
  }
  await write(chunk);
  return { lines: count, bytes };
}

function writeStdout(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

function notWritten(file: string, cause: unknown): LedgerError {
  const code = (cause as { code?: string }).code ?? 'an error';
  return new LedgerError('TASKLEDGER_OUTPUT_NOT_WRITTEN', {
    expected: `to write a new file ${JSON.stringify(file)}`,
    found: code === 'EEXIST' ? 'one that is there already' : code,
    remedy: 'Name another file with --out; a file is never overwritten',
    cause,
  });
}
