import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { readConfig } from '../../../config.ts';
import type { Controller, Hierarchy } from './cgroup-files.ts';
import { findHierarchies } from './find-hierarchies.ts';

const run = promisify(execFile);
const triedMs = 5000;

/** How a child gets a process namespace of its own: as root, or as this user in a user namespace. */
export type NamespaceKind = 'root' | 'user';

/** What this machine offers to hold processes to limits, found by trying. */
export interface Layers {
  /** A shell that sets the limits of processes. */
  readonly rlimits: boolean;
  /** Groups of control groups this process can make, with their controllers. */
  readonly hierarchies: readonly Hierarchy[];
  /** A process namespace with its own /proc: what is in it sees nobody else, and ends with its first process. */
  readonly namespace: NamespaceKind | undefined;
  readonly networkNamespace: boolean;
  /** Root can start programs as other users, and without the rights by which root undoes limits. */
  readonly setpriv: boolean;
  /** Directories can be given a size, by mounting memory there. */
  readonly tmpfs: boolean;
  /** The processes of this machine can be looked at. */
  readonly proc: boolean;
  /** Why what is missing is missing, a sentence each. */
  readonly problems: readonly string[];
}

/** By which hierarchy a controller is to be had, if by any. */
export function hierarchyWith(
  { hierarchies }: Pick<Layers, 'hierarchies'>,
  controller: Controller,
): Hierarchy | undefined {
  return hierarchies.find(({ controllers }) => controllers.includes(controller));
}

/** The flags of unshare for a process namespace: its first process is killed with unshare itself. */
export const namespaceFlags: Readonly<Record<NamespaceKind, readonly string[]>> = {
  root: ['--pid', '--fork', '--kill-child', '--mount-proc'],
  user: ['--user', '--map-current-user', '--pid', '--fork', '--kill-child', '--mount-proc'],
};

/** Rights by which a root in a namespace could undo what holds it. */
const undoingRights = ['sys_admin', 'sys_resource', 'sys_ptrace', 'sys_module', 'sys_rawio', 'sys_boot', 'mknod'].map(
  (right) => `-${right}`,
);

/**
 * Tries everything once; some 30 ms.
 * @param name of groups that are made and removed again
 */
async function findLayers(name: string): Promise<Layers> {
  const isRoot = process.getuid?.() === 0;
  const namespace = isRoot ? 'root' : 'user';
  const [groups, rlimits, namespaces, network, setpriv, tmpfs] = await Promise.all([
    findHierarchies(name),
    problemOf('/bin/sh', ['-c', 'ulimit -c 0 && ulimit -n 32 && ulimit -t 60 && ulimit -d 1000000 && ulimit -f 100']),
    problemOf('unshare', [...namespaceFlags[namespace], 'true']),
    problemOf('unshare', [...namespaceFlags[namespace], '--net', 'true']),
    isRoot ? problemOf('setpriv', [...setprivFlags, 'true']) : 'only root can change the user',
    isRoot
      ? problemOf('unshare', ['--mount', 'mount', '-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', '/'])
      : 'only root can mount',
  ]);
  const proc = process.platform === 'linux' && existsSync('/proc/self/stat');
  return {
    rlimits: rlimits === undefined,
    hierarchies: groups.found,
    namespace: namespaces === undefined ? namespace : undefined,
    networkNamespace: network === undefined,
    setpriv: setpriv === undefined,
    tmpfs: tmpfs === undefined,
    proc,
    problems: [
      ...(groups.found.length < 1 || groups.problems.length > 0
        ? groups.problems.map((one) => `control groups: ${one}`)
        : []),
      ...told('limits of processes', rlimits),
      ...told('process namespaces', namespaces),
      ...told('network namespaces', network),
      ...told('other users', setpriv),
      ...told('sized directories', tmpfs),
      ...(proc ? [] : ['looking at processes: there is no /proc']),
    ],
  };
}

let found: Promise<Layers> | undefined;

/** What this machine offers, found once for the whole process. */
export function machineLayers(): Promise<Layers> {
  return (found ??= findLayers(`taskledger-check-${randomUUID()}`));
}

/** Of setpriv for a program that stays root. */
export const setprivFlags = ['--no-new-privs', '--inh-caps=-all', `--bounding-set=${undoingRights.join(',')}`] as const;

function told(layer: string, problem: string | undefined): string[] {
  return problem === undefined ? [] : [`${layer}: ${problem}`];
}

async function problemOf(program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    await run(program, args, { timeout: triedMs, env: { PATH: readConfig('PATH') } });
    return undefined;
  } catch (error) {
    const { code, stderr = '', message } = error as Error & { readonly code?: unknown; readonly stderr?: string };
    if (code === 'ENOENT') return `there is no program ${program}`;
    return stderr.trim().split('\n')[0] || message;
  }
}
