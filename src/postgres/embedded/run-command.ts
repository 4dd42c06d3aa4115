import { spawn } from 'node:child_process';
import { readConfig } from '../../config.ts';
import { LedgerError } from '../../errors.ts';
import { asAccount } from './server-account.ts';
import type { ServerAccount } from './server-account.ts';

/** Nothing of the caller's environment but PATH: PGDATA, PGPORT, LD_PRELOAD and the like must not reach the server. */
export const serverEnvironment = {
  PATH: readConfig('PATH'),
  LC_ALL: 'C',
  TZ: 'UTC',
};

export interface CommandResult {
  readonly code: number | null;
  /** Standard output and standard error as they came. */
  readonly output: string;
}

/**
 * Runs a short command to its end as the server's account. A code other than 0 is an answer, not an error.
 * @throws LedgerError TASKLEDGER_EMBEDDED_FAILED if it cannot be started at all.
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  account: ServerAccount | undefined,
): Promise<CommandResult> {
  return await new Promise((resolve, reject) => {
    let output = '';
    const refuse = (cause: unknown): void => reject(cannotRun(file, account, cause));
    try {
      const child = spawn(file, args, {
        ...asAccount(account),
        cwd: '/',
        env: serverEnvironment,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child.on('error', refuse);
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.on('close', (code) => resolve({ code, output }));
    } catch (cause) {
      refuse(cause);
    }
  });
}

/** Runs a piece of POSIX shell with `args` as $1, $2 …, never spliced into the text. */
export async function runShell(
  script: string,
  args: readonly string[],
  account: ServerAccount | undefined,
): Promise<CommandResult> {
  return await runCommand('/bin/sh', ['-c', script, 'sh', ...args], account);
}

export function cannotRun(file: string, account: ServerAccount | undefined, cause: unknown): LedgerError {
  const as = account === undefined ? '' : ` as ${account.name}`;
  return new LedgerError('TASKLEDGER_EMBEDDED_FAILED', {
    expected: `that ${file} can be run${as}`,
    found: cause instanceof Error ? cause.message : String(cause),
    remedy:
      account === undefined
        ? 'Check that the file exists and may be executed, or set TASKLEDGER_DATABASE_URL to a server of your own'
        : 'Run as a user other than root, or set TASKLEDGER_DATABASE_URL to a server of your own',
    cause,
  });
}
