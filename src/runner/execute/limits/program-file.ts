import { accessSync, closeSync, constants, existsSync, openSync, readSync } from 'node:fs';
import path from 'node:path';

/** As much of a first line as the kernel reads. */
const firstLineBytes = 256;

/**
 * The program a start would find. Asked before a shell starts it: of a program it cannot start a shell tells an exit code, which
 * could be the program's own.
 * @throws as a start of the program itself would
 */
export function programFile(file: string, directories: string): string {
  const found = file.includes('/') ? file : inPath(file, directories);
  if (found === undefined || !existsSync(found)) throw missing(file);
  accessSync(found, constants.X_OK);
  const interpreter = interpreterOf(found);
  if (interpreter !== undefined && !existsSync(interpreter)) throw missing(file);
  return found;
}

function inPath(file: string, directories: string): string | undefined {
  return directories
    .split(':')
    .map((directory) => path.join(directory, file))
    .find((one) => existsSync(one));
}

/** Named after `#!`; undefined for a program that needs none, and for one that may be executed and not read. */
function interpreterOf(file: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return undefined;
  }
  try {
    const start = Buffer.alloc(firstLineBytes);
    const read = readSync(descriptor, start, 0, start.length, 0);
    return /^#![ \t]*([^\s\0]+)/.exec(start.toString('utf8', 0, read))?.[1];
  } finally {
    closeSync(descriptor);
  }
}

function missing(file: string): Error {
  return Object.assign(new Error(`spawn ${file} ENOENT`), { code: 'ENOENT' });
}
