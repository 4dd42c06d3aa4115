import type { ChildLimits } from '../../../ledger/child-limits.ts';
import type { Account } from './account.ts';
import type { Cgroup } from './cgroup.ts';
import { hierarchyWith, namespaceFlags, setprivFlags, type Layers } from './layers.ts';

/** A program and its arguments. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

interface LaunchOptions {
  readonly limits: ChildLimits;
  readonly layers: Layers;
  readonly cgroup: Cgroup | undefined;
  readonly account: Account | undefined;
  /** The process runs one attempt after the other: what the kernel counts over its life limits none of them. */
  readonly warm: boolean;
}

/** With which the launcher ends when it could not put the program where it belongs: the program was not started. */
export const launchFailedCode = 121;
/**
 * What a process may map beyond the limit of its memory: Node maps stacks, code and heap that it never touches. Only where
 * no control group counts what is really used.
 */
const mappedBeyondBytes = 256 * 2 ** 20;

/**
 * What is started instead of a program, so that it is within its limits from its first instruction on: a shell that enters
 * the control groups and lowers the limits of its process, and then becomes the program; with a namespace in between.
 * Numbers and paths of ours are all that is written into the script.
 */
export function launched(program: Command, options: LaunchOptions): Command {
  const { namespace } = options.layers;
  const wrapped = asUser(program, options);
  const outside = [...entering(options), ...lowering(options), 'exec "$@"'].join('\n');
  const inside = namespace === undefined ? [wrapped.file, ...wrapped.args] : inNamespace(wrapped, namespace, options);
  return { file: '/bin/sh', args: ['-c', outside, 'taskledger-launch', ...inside] };
}

/** 0 means the process that writes. The shell says why if it cannot. */
function entering({ cgroup }: LaunchOptions): string[] {
  return (cgroup?.entrances ?? []).map((file) => `echo 0 >${quoted(file)} || exit ${launchFailedCode}`);
}

/** A limit that is lower already stays; a core dump would be a copy of the process's secrets. */
function lowering({ limits, layers, warm }: LaunchOptions): string[] {
  if (!layers.rlimits) return [];
  const { files, cpuMs, memoryBytes, diskBytes } = limits;
  const ulimit = (flags: string, value: number): string => `ulimit ${flags} ${value} 2>/dev/null`;
  const lines = [ulimit('-c', 0)];
  if (files !== undefined) lines.push(ulimit('-n', files));
  if (cpuMs !== undefined && !warm) {
    const seconds = Math.ceil(cpuMs / 1000);
    // SIGXCPU first, which says what it is; SIGKILL for whom it does not end.
    lines.push(ulimit('-S -t', seconds), ulimit('-H -t', seconds + 1));
  }
  if (memoryBytes !== undefined && hierarchyWith(layers, 'memory') === undefined)
    lines.push(ulimit('-d', Math.ceil((memoryBytes + mappedBeyondBytes) / 1024)));
  if (diskBytes !== undefined) lines.push(ulimit('-f', Math.ceil(diskBytes / 512)));
  return lines;
}

/** Root keeps what it needs for its work, not what would undo its limits; another user gets none of it. */
function asUser({ file, args }: Command, { layers, account }: LaunchOptions): Command {
  if (!layers.setpriv) return { file, args };
  if (account === undefined) return { file: 'setpriv', args: [...setprivFlags, file, ...args] };
  const user = [`--reuid=${account.name}`, `--regid=${account.gid}`, '--init-groups', '--bounding-set=-all'];
  return { file: 'setpriv', args: ['--no-new-privs', '--inh-caps=-all', ...user, file, ...args] };
}

/**
 * The first process of a namespace is the one whose end ends all others, and the one that has to notice the end of those
 * nobody waits for: a shell does both. What it would say of signals is not the program's to have said.
 */
function inNamespace({ file, args }: Command, namespace: 'root' | 'user', options: LaunchOptions): string[] {
  const { limits, cgroup, account } = options;
  const flags = [...namespaceFlags[namespace], ...(limits.network === 'none' ? ['--net'] : [])];
  const isRoot = namespace === 'root' && account === undefined;
  const sealed = isRoot
    ? (cgroup?.mounts ?? []).map((mount) => `mount -o remount,bind,ro ${quoted(mount)} || exit ${launchFailedCode}`)
    : [];
  const script = [...sealed, 'exec 4>&2 2>/dev/null', '(exec 2>&4 4>&-; exec "$@")', 'exit $?'].join('\n');
  return ['unshare', ...flags, '/bin/sh', '-c', script, 'taskledger-first', file, ...args];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
