import { readFile, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processStart } from './process-identity.ts';
import { runCommand, runShell } from './run-command.ts';
import type { ServerAccount } from './server-account.ts';

/** What a running server says of itself in `postmaster.pid`. */
export interface PostmasterFile {
  readonly pid: number;
  /** `starting`, `ready`, `stopping` or `standby`; empty at first. */
  readonly status: string;
}

export async function readPostmasterFile(cluster: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => undefined);
  const lines = text?.split('\n') ?? [];
  const pid = Number(lines[0]);
  return Number.isInteger(pid) && pid > 0 ? { pid, status: lines[7]?.trim() ?? '' } : undefined;
}

/** The processes that run on this cluster, found by what they do instead of by a number in a file. Zombies don't count. */
export async function serverProcesses(cluster: string, account: ServerAccount | undefined): Promise<number[]> {
  const directory = await realpath(cluster).catch(() => undefined);
  if (directory === undefined) return [];
  if (process.platform === 'linux') {
    // Every server process works in the data directory. Asked as its own user: root in a container may not look.
    const script = 'for p in /proc/[0-9]*; do [ "$p/cwd" -ef "$1" ] && echo "${p##*/}"; done 2>/dev/null';
    const { output } = await runShell(script, [directory], account);
    return output.split('\n').filter(Boolean).map(Number);
  }
  const { output } = await runCommand('ps', ['-axww', '-o', 'pid=,command='], account);
  const lines = output.split('\n').filter((line) => line.includes(`-D ${cluster}`) || line.includes(`-D ${directory}`));
  return lines.map((line) => Number.parseInt(line, 10));
}

/**
 * Stops a server whose starter is gone: fast, then immediate, then by force.
 * @returns once no process of it is left, or false if one could not be stopped.
 */
export async function stopOrphanedServer(cluster: string, account: ServerAccount | undefined): Promise<boolean> {
  const patience = [
    { signal: 'INT', polls: 100 },
    { signal: 'QUIT', polls: 60 },
    { signal: 'KILL', polls: 20 },
  ];
  for (const { signal, polls } of patience) {
    for (let poll = 0; poll < polls; poll += 1) {
      const running = await serverProcesses(cluster, account);
      if (running.length === 0) return true;
      const postmaster = (await readPostmasterFile(cluster))?.pid ?? 0;
      // Without a postmaster the others end by themselves; only force is for all.
      const targets = signal === 'KILL' ? running : running.filter((pid) => pid === postmaster);
      if (poll === 0 && targets.length > 0) await runCommand('kill', ['-s', signal, ...targets.map(String)], account);
      await sleep(100);
    }
  }
  return false;
}

/**
 * Removes a `postmaster.pid` whose number now belongs to a zombie or to somebody else, which the server itself would
 * take for a running one. Only to be called when no process runs on the cluster.
 */
export async function removeStalePostmasterFile(cluster: string): Promise<void> {
  const file = await readPostmasterFile(cluster);
  if (file === undefined) return;
  if (processStart(file.pid) === undefined && !isZombie(file.pid)) return;
  await rm(join(cluster, 'postmaster.pid'), { force: true });
}

function isZombie(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
