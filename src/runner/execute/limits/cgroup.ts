import { mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ChildLimits } from '../../../ledger/child-limits.ts';
import { signalProcess } from '../process-tree.ts';
import { readKernelFile } from '../read-kernel-file.ts';
import { controllers, fileNames, type Controller, type Hierarchy } from './cgroup-files.ts';

/** What the kernel counts; what it does not is undefined, or 0. */
export interface Counted {
  /** Processor time of all that was ever in it. */
  readonly cpuMs: number | undefined;
  /** The most memory it ever had, files in the page cache included. */
  readonly peakBytes: number | undefined;
  /** The memory its processes hold, without files. */
  readonly heldBytes: number | undefined;
  /** How many of its processes the kernel killed for want of memory. */
  readonly outOfMemoryKills: number;
  /** How often a process could not be started because there were as many as there may be. */
  readonly refusedStarts: number;
}

/** Of what starts the program: a shell each outside and inside of its namespace, and unshare. */
const launcherProcesses = 3;

/**
 * Below each group, and where the processes are. A child that is root can make a user namespace, mount the hierarchy anew there
 * and write to all it then sees: that begins at the group it is in. So the limits are those of the group above.
 */
const innerName = 'inside';

/** The control groups of one child: one in each hierarchy. What the child starts is in them too, and cannot leave. */
export class Cgroup {
  readonly #groups: readonly Hierarchy[];
  /** What was counted when it was removed. */
  #last: Counted | undefined;

  /**
   * Makes them, with their limits, empty.
   * @throws whatever the kernel says
   */
  static make(hierarchies: readonly Hierarchy[], name: string, limits: ChildLimits): Cgroup {
    const groups = hierarchies.map((one) => ({ ...one, directory: path.join(one.directory, name) }));
    const made = new Cgroup(groups);
    try {
      for (const { version, directory } of groups) {
        mkdirSync(directory);
        // Before Linux 5.11 a group did not count the memory of those below it unless told to.
        if (version === 1) tryWrite(path.join(directory, 'memory.use_hierarchy'), '1');
        mkdirSync(path.join(directory, innerName));
      }
      made.#limit(limits);
      return made;
    } catch (error) {
      made.remove();
      throw error;
    }
  }

  private constructor(groups: readonly Hierarchy[]) {
    this.#groups = groups;
  }

  /** A process that writes 0 into each of them is in the group from then on. */
  get entrances(): readonly string[] {
    return this.#groups.map(({ directory }) => path.join(directory, innerName, 'cgroup.procs'));
  }

  /** Where its hierarchies are mounted: what can write there can leave. */
  get mounts(): readonly string[] {
    return this.#groups.map(({ mount }) => mount);
  }

  /** The numbers of all processes in it, here as the runner sees them. */
  members(): number[] {
    return [...new Set(this.#groups.flatMap(({ directory }) => membersBelow(directory)))];
  }

  /** SIGKILL for everything in it. Where processes are counted none can be started meanwhile. */
  kill(): void {
    this.#write('pids', 'pids.max', '0');
    for (const { version, directory } of this.#groups) {
      if (version === 2 && tryWrite(path.join(directory, 'cgroup.kill'), '1')) return;
    }
    for (const pid of this.members()) signalProcess(pid, 'SIGKILL');
  }

  /** What is counted now, or was when it was removed. */
  counted(): Counted {
    return this.#last ?? this.#count();
  }

  get limitsProcesses(): boolean {
    return this.#with('pids') !== undefined;
  }

  /** Nothing has to be counted by looking at processes. */
  get countsAll(): boolean {
    return controllers.every((one) => this.#with(one) !== undefined);
  }

  /** False if it is not empty yet: a process that was killed may still be ending. */
  remove(): boolean {
    this.#last ??= this.#count();
    return this.#groups.every(({ directory }) => removeGroup(directory));
  }

  #count(): Counted {
    const memory = this.#with('memory');
    const files = memory && fileNames[memory.version];
    return {
      cpuMs: this.#cpuMs(),
      peakBytes: memory && numberIn(read(memory, files?.memoryPeak), /^(\d+)/, 1),
      heldBytes: memory && numberIn(read(memory, 'memory.stat'), /^(?:total_rss|anon) (\d+)/m, 1),
      outOfMemoryKills: (memory && numberIn(read(noting(memory), files?.memoryEvents), /^oom_kill (\d+)/m, 1)) ?? 0,
      refusedStarts: numberIn(read(noting(this.#with('pids')), 'pids.events'), /^max (\d+)/m, 1) ?? 0,
    };
  }

  #cpuMs(): number | undefined {
    const group = this.#with('cpu');
    if (group?.version === 1) return numberIn(read(group, 'cpuacct.usage'), /^(\d+)/, 1e6);
    return numberIn(read(group, 'cpu.stat'), /^usage_usec (\d+)/m, 1000);
  }

  #limit({ memoryBytes, processes }: ChildLimits): void {
    const memory = this.#with('memory');
    if (memoryBytes !== undefined && memory !== undefined) {
      const { memoryMax, swapMax } = fileNames[memory.version];
      writeFileSync(path.join(memory.directory, memoryMax), String(memoryBytes));
      tryWrite(path.join(memory.directory, swapMax), memory.version === 1 ? String(memoryBytes) : '0');
      // All of it goes: what is left of a program that has lost one process is of no use.
      tryWrite(path.join(memory.directory, 'memory.oom.group'), '1');
    }
    const pids = this.#with('pids');
    if (processes !== undefined && pids !== undefined)
      writeFileSync(path.join(pids.directory, 'pids.max'), String(processes + launcherProcesses));
  }

  #with(controller: Controller): Hierarchy | undefined {
    return this.#groups.find((group) => group.controllers.includes(controller));
  }

  #write(controller: Controller, file: string, text: string): void {
    const group = this.#with(controller);
    if (group !== undefined) tryWrite(path.join(group.directory, file), text);
  }
}

/** In version 1 the kernel notes what happens to a process in its own group alone; in version 2 that has no controllers. */
function noting(group: Hierarchy | undefined): Hierarchy | undefined {
  return group?.version === 1 ? { ...group, directory: path.join(group.directory, innerName) } : group;
}

/** A child may have made groups below its own, where it may. */
function membersBelow(directory: string): number[] {
  const here = readOr(path.join(directory, 'cgroup.procs'), '').split('\n').filter(Boolean).map(Number);
  return [...here, ...groupsIn(directory).flatMap((name) => membersBelow(path.join(directory, name)))];
}

/** Removes a group and those below it; false if something is still in them. */
export function removeGroup(directory: string): boolean {
  for (const name of groupsIn(directory)) removeGroup(path.join(directory, name));
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT';
  }
}

function groupsIn(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((one) => (one.isDirectory() ? [one.name] : []));
  } catch {
    return [];
  }
}

function read(group: Hierarchy | undefined, file = ''): string {
  return group === undefined ? '' : readOr(path.join(group.directory, file), '');
}

function readOr(file: string, otherwise: string): string {
  try {
    return readKernelFile(file);
  } catch {
    return otherwise;
  }
}

function tryWrite(file: string, text: string): boolean {
  try {
    // Never made here: where the kernel has no such file, a plain directory is no control group.
    writeFileSync(file, text, { flag: 'r+' });
    return true;
  } catch {
    return false;
  }
}

function numberIn(text: string, pattern: RegExp, per: number): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found) / per;
}
