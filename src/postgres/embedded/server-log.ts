import { open, readFile } from 'node:fs/promises';
import { LedgerError } from '../../errors.ts';
import type { DataDir } from './data-dir.ts';

const shownLines = 15;

/** The server's log, opened for one run of one program. */
export interface ServerLog {
  /** Handed to the program as its standard output and standard error. */
  readonly fd: number;
  /** What has been logged since it was opened. */
  read(): Promise<string>;
  /** An error that shows the last lines of it. */
  failure(expected: string, found: string): Promise<LedgerError>;
  close(): Promise<void>;
}

export async function openLog({ log }: DataDir): Promise<ServerLog> {
  const handle = await open(log, 'a', 0o600);
  const { size } = await handle.stat();
  const read = async (): Promise<string> => (await readFile(log)).subarray(size).toString();
  return {
    fd: handle.fd,
    read,
    failure: async (expected, found) => {
      const lines = (await read().catch(() => '')).trimEnd().split('\n').slice(-shownLines);
      return new LedgerError('TASKLEDGER_EMBEDDED_FAILED', {
        expected,
        found: `${found}; the last lines of its log are:\n${lines.join('\n')}\n`,
        remedy: `Look at these lines, or set TASKLEDGER_DATABASE_URL to a server of your own`,
        details: { log: lines },
      });
    },
    close: () => handle.close(),
  };
}
