import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { firstLine, spawnCli, type CliOptions } from './run-cli.ts';

interface Ready {
  readonly ready: boolean;
  readonly sites: readonly { readonly name: string; readonly url: string }[];
}

/** The present directory of a test’s commands, gone at its end. */
export async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'taskledger-dev-'));
  // A server whose `dev` was killed still writes there until it has noticed.
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 20 }));
  // The database's system user must be able to pass through.
  await chmod(directory, 0o755);
  return directory;
}

/** Starts `taskledger dev --json`; resolves when it is ready. `stop` tells it to end, and answers its exit status. */
export async function startDev(args: readonly string[], options: CliOptions) {
  const child = spawnCli(['dev', '--json', ...args], options);
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const ready = JSON.parse(await firstLine(child)) as Ready;
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    return (await exited)[0];
  };
  return { ready, stop };
}
