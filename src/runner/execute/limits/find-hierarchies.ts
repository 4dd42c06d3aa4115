import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { candidatesIn, controllers, type Candidate, type Controller, type Hierarchy } from './cgroup-files.ts';
import { enableControllers } from './enable-controllers.ts';

const run = promisify(execFile);
const triedMs = 5000;

/** Hierarchies with groups this process may make, found by making one and entering it; and why others are not used. */
export async function findHierarchies(
  name: string,
  candidates: readonly Candidate[] = mounted(),
): Promise<{ readonly found: readonly Hierarchy[]; readonly problems: readonly string[] }> {
  const problems: string[] = candidates.length === 0 ? ['none are mounted'] : [];
  const found: Hierarchy[] = [];
  for (const candidate of candidates) {
    const hierarchy = await firstUsable(candidate, name, problems);
    const isNew = hierarchy?.controllers.some((one) => !found.some((other) => other.controllers.includes(one)));
    if (hierarchy !== undefined && isNew === true) found.push(hierarchy);
  }
  const isComplete = controllers.every((one) => found.some((hierarchy) => hierarchy.controllers.includes(one)));
  return { found, problems: isComplete ? [] : problems };
}

/** Version 1 first: where both are mounted, the controllers are there. */
function mounted(): Candidate[] {
  try {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    return candidatesIn(mounts, readFileSync('/proc/self/cgroup', 'utf8')).sort((a, b) => a.version - b.version);
  } catch {
    return [];
  }
}

async function firstUsable(candidate: Candidate, name: string, problems: string[]): Promise<Hierarchy | undefined> {
  for (const directory of candidate.directories) {
    try {
      if (candidate.version === 2) enableControllers(directory);
      const usable = await tryGroup(path.join(directory, name), candidate);
      if (usable.length > 0) return { ...candidate, directory, controllers: usable };
      problems.push(`${directory} has none of the controllers memory and pids`);
    } catch (error) {
      problems.push(`${directory}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return undefined;
}

/** Makes a group, enters it with a process, and removes it. Returns the controllers it has. */
async function tryGroup(directory: string, { version, controllers: named }: Candidate): Promise<Controller[]> {
  mkdirSync(directory);
  try {
    if (version === 1 && named.includes('pids')) writeFileSync(path.join(directory, 'pids.max'), '16');
    await run('/bin/sh', ['-c', 'echo 0 >"$1/cgroup.procs"', 'taskledger-check', directory], { timeout: triedMs });
    if (version === 1) return [...named];
    const available = readFileSync(path.join(directory, 'cgroup.controllers'), 'utf8').trim().split(' ');
    // Version 2 counts processor time without a controller; alone it is not worth a group.
    const limiting = (['memory', 'pids'] as const).filter((one) => available.includes(one));
    return limiting.length === 0 ? [] : [...limiting, 'cpu'];
  } finally {
    rmdirSync(directory);
  }
}
