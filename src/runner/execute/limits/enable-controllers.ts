import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { descendantsOf } from '../process-tree.ts';
import { runnerGroup } from './cgroup-files.ts';

/** Processes may start while others are moved: what came meanwhile is moved in the next round. */
const rounds = 3;

type Write = (file: string, text: string) => void;

/**
 * In version 2 groups have controllers only where no process is beside them: this one, and what it has started, go into a
 * group of their own. Nobody else is moved.
 * @throws whatever the kernel says, or that others are in the group
 */
export function enableControllers(directory: string, write: Write = writeFileSync): void {
  const available = readFileSync(path.join(directory, 'cgroup.controllers'), 'utf8').trim().split(' ');
  const wanted = ['memory', 'pids'].filter((one) => available.includes(one)).map((one) => `+${one}`);
  if (wanted.length === 0) return;
  const enable = (): void => write(path.join(directory, 'cgroup.subtree_control'), wanted.join(' '));
  for (let round = 0; ; round += 1) {
    try {
      enable();
      return;
    } catch (error) {
      // That processes are in the way is all that moving them can help.
      if (codeOf(error) !== 'EBUSY' || round === rounds) throw error;
      moveOurs(directory, write, error);
    }
  }
}

function moveOurs(directory: string, write: Write, cause: unknown): void {
  const here = processesIn(directory);
  const ours = new Set([process.pid, ...descendantsOf(process.pid)]);
  const others = here.filter((pid) => !ours.has(pid));
  // One of ours that has just ended is nobody's descendant, and is not there any more either.
  if (others.length > 0 && processesIn(directory).some((pid) => others.includes(pid)))
    throw new Error('other processes than the runner are in this group', { cause });
  mkdirSync(path.join(directory, runnerGroup), { recursive: true });
  for (const pid of here) moveOne(path.join(directory, runnerGroup, 'cgroup.procs'), pid, write);
}

function processesIn(directory: string): number[] {
  return readFileSync(path.join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
}

function moveOne(file: string, pid: number, write: Write): void {
  try {
    write(file, String(pid));
  } catch (error) {
    // It has ended meanwhile.
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
