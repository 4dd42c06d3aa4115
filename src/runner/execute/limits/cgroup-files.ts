/*
 * What the kernel calls things in the two versions of control groups. Version 1 has a hierarchy per controller, each with
 * names of its own; version 2 has one for all.
 */

/** What is asked of control groups: to limit memory, to limit processes, to count processor time. */
export const controllers = ['memory', 'pids', 'cpu'] as const;
export type Controller = (typeof controllers)[number];

/** A directory below which this process may make groups, and for what. */
export interface Hierarchy {
  readonly version: 1 | 2;
  readonly directory: string;
  /** Where the hierarchy is mounted. */
  readonly mount: string;
  readonly controllers: readonly Controller[];
}

interface FileNames {
  readonly memoryMax: string;
  /** With swap, which must not be a way around the limit; absent where the kernel does not count it. */
  readonly swapMax: string;
  readonly memoryPeak: string;
  readonly memoryEvents: string;
}

export const fileNames: Readonly<Record<1 | 2, FileNames>> = {
  1: {
    memoryMax: 'memory.limit_in_bytes',
    swapMax: 'memory.memsw.limit_in_bytes',
    memoryPeak: 'memory.max_usage_in_bytes',
    memoryEvents: 'memory.oom_control',
  },
  2: {
    memoryMax: 'memory.max',
    swapMax: 'memory.swap.max',
    memoryPeak: 'memory.peak',
    memoryEvents: 'memory.events',
  },
};

/** The controller's name in a hierarchy of version 1. */
const firstNames: Readonly<Record<Controller, string>> = { memory: 'memory', pids: 'pids', cpu: 'cpuacct' };

/** In version 2 processes and groups with controllers cannot be side by side: the runner goes into a group of this name. */
export const runnerGroup = 'runner';

/** Where groups may be: a directory of a mounted hierarchy, that of this process first. */
export interface Candidate {
  readonly version: 1 | 2;
  readonly mount: string;
  readonly directories: readonly string[];
  readonly controllers: readonly Controller[];
}

/**
 * What this machine has mounted.
 * @param mounts text of /proc/self/mountinfo
 * @param own text of /proc/self/cgroup
 */
export function candidatesIn(mounts: string, own: string): Candidate[] {
  const paths = new Map(own.split('\n').flatMap((line) => pathIn(line)));
  return mounts.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '', mount = ''] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    if (type === 'cgroup2') return [candidate({ version: 2, mount, root }, paths.get(''), controllers)];
    if (type !== 'cgroup') return [];
    const named = options.split(',');
    const found = controllers.filter((one) => named.includes(firstNames[one]));
    const path = found.map((one) => paths.get(firstNames[one])).find((one) => one !== undefined);
    return found.length === 0 ? [] : [candidate({ version: 1, mount, root }, path, found)];
  });
}

/** `4:memory:/a/b`, several controllers with commas; `0::/a/b` is version 2. */
function pathIn(line: string): [string, string][] {
  const [, names = '', path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
  return path === undefined ? [] : names.split(',').map((name) => [name, path]);
}

function candidate(
  { version, mount, root }: { readonly version: 1 | 2; readonly mount: string; readonly root: string },
  own: string | undefined,
  named: readonly Controller[],
): Candidate {
  // In a container the mount may begin at the group this process is in.
  const below = own?.startsWith(root) === true ? own.slice(root === '/' ? 0 : root.length) : (own ?? '');
  const group = `${mount}${below === '/' ? '' : below}`;
  const directories = version === 2 ? [home(group)] : [...new Set([group, mount])];
  return { version, mount, directories, controllers: named };
}

/** Where `runnerGroup` lies, if this process is in one. */
function home(own: string): string {
  return own.endsWith(`/${runnerGroup}`) ? own.slice(0, -runnerGroup.length - 1) : own;
}
