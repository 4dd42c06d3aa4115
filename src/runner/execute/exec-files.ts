import { writeFileSync } from 'node:fs';
import { constants, open } from 'node:fs/promises';
import path from 'node:path';
import { LedgerError, errorCodeOf } from '../../errors.ts';
import { MAX_PAYLOAD_BYTES } from '../../events/limits.ts';
import { decodePayload, encodePayload } from '../../events/payload.ts';
import type { AttemptVariable } from '../../config.ts';
import type { RunningAttempt } from './execution.ts';

/** The files of an attempt of a program, in its own directory. */
export function execFiles(directory: string): Readonly<Record<'input' | 'output' | 'checkpoint', string>> {
  const file = (name: string): string => path.join(directory, `${name}.json`);
  return { input: file('input'), output: file('output'), checkpoint: file('checkpoint') };
}

/** Readable for this user alone, as the directory is. */
export function writeExecFiles(directory: string, { input, checkpoint }: RunningAttempt): void {
  const files = execFiles(directory);
  writeFileSync(files.input, JSON.stringify(input), { mode: 0o600 });
  if (checkpoint !== undefined) writeFileSync(files.checkpoint, JSON.stringify(checkpoint), { mode: 0o600 });
}

/** What a program is told of its attempt. Nothing of the input is in it: a value there could mean something to a library. */
export function execVariables(directory: string, attempt: RunningAttempt): Partial<Record<AttemptVariable, string>> {
  const { input, output, checkpoint } = execFiles(directory);
  const { taskId, name, lease, runAt } = attempt;
  return {
    TASKLEDGER_INPUT_FILE: input,
    TASKLEDGER_OUTPUT_FILE: output,
    ...(attempt.checkpoint === undefined ? {} : { TASKLEDGER_CHECKPOINT_FILE: checkpoint }),
    TASKLEDGER_TASK_ID: taskId,
    TASKLEDGER_TASK_NAME: name,
    TASKLEDGER_ATTEMPT: String(attempt.attempt),
    TASKLEDGER_LEASE: `${lease.epoch}.${lease.version}`,
    TASKLEDGER_RUN_AT: runAt.toISOString(),
  };
}

/**
 * The JSON text that a program left as its output; null if it left none.
 * @throws LedgerError TASKLEDGER_INVALID_INPUT, TASKLEDGER_LIMIT_EXCEEDED
 */
export async function readOutput(directory: string, name: string): Promise<string | null> {
  const bytes = await outputBytes(execFiles(directory).output, name);
  if (bytes === undefined) return null;
  const text = decoded(bytes, name);
  return encodePayload(decodePayload(text, `the output of ${name}`), `the output of ${name}`);
}

/** Only what the program wrote itself: a link could lead to what only the runner may read, a pipe would be waited for. */
async function outputBytes(file: string, name: string): Promise<Buffer | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    await using handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const found = await handle.stat();
    if (!found.isFile() || found.nlink > 1) throw unusable(name, 'a link, or no file');
    if (found.size > MAX_PAYLOAD_BYTES) throw unusable(name, `${found.size} bytes`);
    return await handle.readFile();
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw error instanceof LedgerError ? error : unusable(name, `a file that cannot be read (${errorCodeOf(error)})`);
  }
}

function decoded(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unusable(name, 'bytes that are no UTF-8');
  }
}

function unusable(name: string, found: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_INPUT', {
    expected: `the output file of ${name} to hold JSON of at most ${MAX_PAYLOAD_BYTES} bytes`,
    found,
    remedy: 'Write the output into the file named by TASKLEDGER_OUTPUT_FILE, or none at all',
  });
}
