import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { LedgerError } from '../errors.ts';
import { MAX_PAYLOAD_BYTES } from '../events/limits.ts';

/** Longest text read from a file, stdin or one line of them, in bytes: a payload in its most generous spelling. */
export const MAX_TEXT_BYTES = 8 * MAX_PAYLOAD_BYTES;

/** Takes a byte order mark away, and refuses what is not UTF-8. */
const decoder = new TextDecoder('utf-8', { fatal: true });
const newline = 0x0a;

/**
 * All of a stream, as text.
 * @throws LedgerError TASKLEDGER_LIMIT_EXCEEDED, TASKLEDGER_INVALID_INPUT naming `what`
 */
export async function readInput(stream: Readable, what: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_TEXT_BYTES) throw tooLong(what);
    chunks.push(chunk);
  }
  return decoded(Buffer.concat(chunks), what);
}

/**
 * The text of a file.
 * @param holds what it should hold: `the input`
 * @throws LedgerError TASKLEDGER_INVALID_OPTION, TASKLEDGER_LIMIT_EXCEEDED, TASKLEDGER_INVALID_INPUT
 */
export async function readGivenFile(file: string, holds: string): Promise<string> {
  return await readInput(await openGivenFile(file, holds), `${holds} in ${JSON.stringify(file)}`);
}

/** @throws LedgerError TASKLEDGER_INVALID_OPTION when there is no such file, or not for this user */
export async function openGivenFile(file: string, holds: string): Promise<Readable> {
  try {
    const handle = await open(file);
    if (!(await handle.stat()).isDirectory()) return handle.createReadStream();
    await handle.close();
  } catch (cause) {
    throw unreadable(file, holds, cause instanceof Error && 'code' in cause ? String(cause.code) : 'an error', cause);
  }
  throw unreadable(file, holds, 'a directory');
}

function unreadable(file: string, holds: string, found: string, cause?: unknown): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `a file ${JSON.stringify(file)} that holds ${holds}`,
    found,
    remedy: 'Name a file that this user may read',
    cause,
  });
}

/** One line of a file, counted from 1. */
export interface Line {
  readonly number: number;
  readonly text: string;
}

/**
 * The lines of a stream, one at a time; a line that is empty or blank is left out, but counted.
 * @throws LedgerError TASKLEDGER_LIMIT_EXCEEDED, TASKLEDGER_INVALID_INPUT naming the line
 */
export async function* linesOf(stream: Readable): AsyncGenerator<Line> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let number = 0;
  const finish = (last: Buffer): Line => {
    number += 1;
    const bytes = rest.length === 0 ? last : Buffer.concat([...rest, last]);
    rest = [];
    restBytes = 0;
    return { number, text: decoded(bytes, `line ${number}`) };
  };
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let to = chunk.indexOf(newline); to >= 0; to = chunk.indexOf(newline, from)) {
      const line = finish(chunk.subarray(from, to));
      if (line.text.trim() !== '') yield line;
      from = to + 1;
    }
    rest.push(chunk.subarray(from));
    restBytes += chunk.length - from;
    if (restBytes > MAX_TEXT_BYTES) throw tooLong(`line ${number + 1}`);
  }
  if (restBytes > 0) {
    const line = finish(Buffer.alloc(0));
    if (line.text.trim() !== '') yield line;
  }
}

function decoded(bytes: Buffer, what: string): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new LedgerError('TASKLEDGER_INVALID_INPUT', {
      expected: `${what} to be UTF-8`,
      found: 'bytes that are not',
      remedy: 'Convert it to UTF-8; nothing was recorded',
    });
  }
}

function tooLong(what: string): LedgerError {
  return new LedgerError('TASKLEDGER_LIMIT_EXCEEDED', {
    expected: `${what} of at most ${MAX_TEXT_BYTES} bytes`,
    found: 'more',
    remedy: 'Store the bulk elsewhere and pass a reference to it; nothing was recorded',
  });
}
