import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { childLimits, type LimitOptions } from '../../../src/ledger/child-limits.ts';
import { defineTask, type Handler } from '../../../src/ledger/define-task.ts';
import { Cgroup } from '../../../src/runner/execute/limits/cgroup.ts';
import { candidatesIn, type Hierarchy } from '../../../src/runner/execute/limits/cgroup-files.ts';
import { CgroupHome } from '../../../src/runner/execute/limits/cgroup-home.ts';
import { Enclosure } from '../../../src/runner/execute/limits/enclosure.ts';
import { launched } from '../../../src/runner/execute/limits/launcher.ts';
import type { Layers } from '../../../src/runner/execute/limits/layers.ts';
import { limitComplainedOf, limitThatEnded } from '../../../src/runner/execute/limits/limit-hit.ts';
import { ProcessTrees } from '../../../src/runner/execute/limits/process-trees.ts';
import { heldHandler, leasedLimits, requireHeld } from '../../../src/runner/execute/limits/require-limits.ts';

const nothing: Layers = {
  rlimits: false,
  hierarchies: [],
  namespace: undefined,
  networkNamespace: false,
  setpriv: false,
  tmpfs: false,
  proc: false,
  problems: ['process namespaces: there is no program unshare'],
};
const groups: Layers = {
  ...nothing,
  rlimits: true,
  proc: true,
  hierarchies: [{ version: 2, directory: '/g', mount: '/g', controllers: ['memory', 'pids', 'cpu'] }],
};
const limitsOf = (options: LimitOptions): ReturnType<typeof childLimits> => childLimits(options, 'the test');

describe('where control groups may be made', () => {
  const mount = (root: string, at: string, type: string, options: string): string =>
    `31 23 0:28 ${root} ${at} rw - ${type} ${type} ${options}`;

  test('version 1: the group of this process in each hierarchy that counts something of use', () => {
    const mounts = [mount('/', '/c/memory', 'cgroup', 'rw,memory'), mount('/', '/c/cpu', 'cgroup', 'rw,cpu,cpuacct')];
    expect(
      candidatesIn(
        [...mounts, mount('/', '/c/blkio', 'cgroup', 'rw,blkio')].join('\n'),
        '4:memory:/a\n1:cpu,cpuacct:/',
      ),
    ).toEqual([
      { version: 1, mount: '/c/memory', directories: ['/c/memory/a', '/c/memory'], controllers: ['memory'] },
      { version: 1, mount: '/c/cpu', directories: ['/c/cpu'], controllers: ['cpu'] },
    ]);
  });

  test('version 2: the group of this process, or the one above when the runner has a group to itself there', () => {
    const mounts = mount('/', '/c', 'cgroup2', 'rw');
    const directories = (own: string): unknown => candidatesIn(mounts, `0::${own}`)[0]?.directories;
    expect(directories('/system.slice/taskledger-run.service')).toEqual(['/c/system.slice/taskledger-run.service']);
    expect(directories('/system.slice/taskledger-run.service/runner')).toEqual([
      '/c/system.slice/taskledger-run.service',
    ]);
  });

  test('in a container the mount begins at the group of the container', () => {
    expect(candidatesIn(mount('/docker/1', '/c', 'cgroup2', 'rw'), '0::/docker/1/x')[0]?.directories).toEqual(['/c/x']);
  });
});

describe('what is started instead of a program', () => {
  const cgroup = { entrances: ["/g/it's/cgroup.procs"], mounts: ['/g'] } as unknown as Cgroup;
  const start = (limits: LimitOptions, layers: Layers, warm = false): string[] => {
    const { file, args } = launched(
      { file: '/bin/program', args: ['$(id)', "it's"] },
      {
        limits: limitsOf(limits),
        layers,
        warm,
        account: undefined,
        cgroup: layers.hierarchies.length > 0 ? cgroup : undefined,
      },
    );
    expect(file).toBe('/bin/sh');
    return [...args];
  };

  test('a shell that becomes the program, whose arguments never reach the shell’s language', () => {
    const [flag, script, name, ...rest] = start(
      { files: 64, cpu: '1500ms', disk: '1MB' },
      { ...nothing, rlimits: true },
    );
    expect([flag, name, ...rest]).toEqual(['-c', 'taskledger-launch', '/bin/program', '$(id)', "it's"]);
    expect(script?.split('\n')).toEqual([
      'ulimit -c 0 2>/dev/null',
      'ulimit -n 64 2>/dev/null',
      'ulimit -S -t 2 2>/dev/null',
      'ulimit -H -t 3 2>/dev/null',
      'ulimit -f 2048 2>/dev/null',
      'exec "$@"',
    ]);
  });

  test('control groups are entered first, and memory is then theirs to count', () => {
    const [, script = ''] = start({ memory: '64MB' }, groups);
    expect(script).toMatch(/^echo 0 >'\/g\/it'\\''s\/cgroup.procs' \|\| exit 121\n/);
    expect(script).not.toContain('ulimit -d');
    expect(start({ memory: '64MB' }, { ...nothing, rlimits: true })[1]).toContain('ulimit -d 327680');
  });

  test('processor time of a process that runs many attempts is not the kernel’s to limit', () => {
    expect(start({ cpu: '1s' }, { ...nothing, rlimits: true }, true)[1]).not.toContain('ulimit -S -t');
  });

  test('in a namespace its first process is a shell that waits, and seals the control groups for root', () => {
    const args = start({ network: 'none' }, { ...groups, namespace: 'root', setpriv: true });
    expect(args).toEqual(
      expect.arrayContaining(['unshare', '--kill-child', '--net', 'taskledger-first', 'setpriv', '--no-new-privs']),
    );
    expect(args.find((arg) => arg.includes('remount'))).toMatch(/^mount -o remount,bind,ro '\/g' \|\| exit 121\n/);
    const asUser = start({ memory: '64MB' }, { ...groups, namespace: 'user' });
    expect(asUser).toEqual(expect.arrayContaining(['--user', '--map-current-user']));
    expect(asUser.some((arg) => arg.includes('remount'))).toBe(false);
  });
});

describe('the control group of a child', () => {
  const memoryMaxOf = (limits: LimitOptions, layers: Layers, warm = false): number => {
    const directory = mkdtempSync(path.join(tmpdir(), 'taskledger-groups-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const hierarchy: Hierarchy = { version: 1, directory, mount: directory, controllers: ['memory'] };
    const home = new CgroupHome([hierarchy], 'runner');
    const around = { layers, home, warm, trees: new ProcessTrees(systemClock), clock: systemClock };
    const { cgroup } = new Enclosure({ limits: limitsOf(limits), ...around });
    expect(cgroup?.entrances).toEqual([path.join(directory, 'runner/child-1/inside/cgroup.procs')]);
    return Number(readFileSync(path.join(directory, 'runner/child-1/memory.limit_in_bytes'), 'utf8'));
  };

  test('has the limit of its memory, and on top of it what its directory in memory may hold', () => {
    expect(memoryMaxOf({ memory: '64MB' }, groups)).toBe(64 * 2 ** 20);
    expect(memoryMaxOf({ memory: '64MB', disk: '1MB' }, groups)).toBe(64 * 2 ** 20);
    expect(memoryMaxOf({ memory: '64MB', disk: '1MB' }, { ...groups, tmpfs: true })).toBe(65 * 2 ** 20);
    expect(memoryMaxOf({ memory: '64MB', disk: '1MB' }, { ...groups, tmpfs: true }, true)).toBe(64 * 2 ** 20);
  });
});

describe('where the kernel notes what it refused a child', () => {
  test.each([
    [1, 'memory.oom_control', 'inside'],
    [2, 'memory.events', '.'],
  ] as const)('version %i', (version, file, where) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'taskledger-groups-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const group = path.join(directory, 'child-1');
    const hierarchy: Hierarchy = { version, directory, mount: directory, controllers: ['memory', 'pids', 'cpu'] };
    const cgroup = Cgroup.make([hierarchy], 'child-1', limitsOf({ memory: '64MB', processes: 8 }));
    expect(readdirSync(path.join(group, 'inside'))).toEqual([]);
    writeFileSync(path.join(group, where, file), 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n');
    writeFileSync(path.join(group, where, 'pids.events'), 'max 2\n');
    expect(cgroup.counted()).toMatchObject({ outOfMemoryKills: 3, refusedStarts: 2 });
  });
});

describe('which limit it was', () => {
  const limits = limitsOf({ memory: '64MB', cpu: '1s', processes: 8, disk: '1MB', files: 64 });
  const noted = { outOfMemoryKills: 0, refusedStarts: 0, cpuMs: 0 };

  test('is known by what the kernel counted and by the signal', () => {
    const ended = (counted: object, signal: NodeJS.Signals | null): string | undefined =>
      limitThatEnded(limits, { ...noted, ...counted }, { code: null, signal })?.code;
    expect(ended({ outOfMemoryKills: 1 }, 'SIGKILL')).toBe('MEMORY_LIMIT');
    expect(ended({}, 'SIGXCPU')).toBe('CPU_LIMIT');
    expect(ended({ cpuMs: 1000 }, 'SIGKILL')).toBe('CPU_LIMIT');
    expect(ended({}, 'SIGXFSZ')).toBe('DISK_LIMIT');
    expect(ended({ refusedStarts: 3 }, null)).toBe('PROCESS_LIMIT');
    expect(ended({}, 'SIGKILL')).toBeUndefined();
    expect(
      limitThatEnded(limitsOf({}), { ...noted, outOfMemoryKills: 1 }, { code: null, signal: 'SIGKILL' }),
    ).toBeUndefined();
  });

  test.each([
    ['ENOSPC: no space left on device, write', 'DISK_LIMIT'],
    ['OSError: [Errno 28] No space left on device', 'DISK_LIMIT'],
    ["EMFILE: too many open files, open '/dev/null'", 'FILE_LIMIT'],
    ['MemoryError', 'MEMORY_LIMIT'],
    ['RangeError: Array buffer allocation failed', 'MEMORY_LIMIT'],
    ['spawn sleep EAGAIN', 'PROCESS_LIMIT'],
    ["RuntimeError: can't start new thread", 'PROCESS_LIMIT'],
    ['no luck', undefined],
  ])('is known by what a program complains of: %s', (text, code) => {
    expect(limitComplainedOf(limits, text)).toBe(code);
    expect(limitComplainedOf(limitsOf({}), text)).toBeUndefined();
  });
});

describe('what a machine must hold', () => {
  const handlerWith = (limits: LimitOptions): Handler =>
    defineTask({ name: 'a.task' }).handle(() => 1, { isolation: 'process', module: import.meta.url, limits });
  const check = (limits: LimitOptions, layers: Layers): void =>
    requireHeld([heldHandler(handlerWith(limits), undefined, layers)], layers);

  test('a required limit without what holds it, a sampled one included, is refused, and it is said why', () => {
    expect(() => check({ memory: '64MB', required: ['memory'] }, nothing)).toThrow(
      'it would hold memory 64MB of a.task by nothing (process namespaces: there is no program unshare)',
    );
    expect(() => check({ processes: 8, required: ['processes'] }, { ...nothing, proc: true })).toThrow(
      'the runner looks',
    );
    expect(() => check({ memory: '64MB', processes: 8, required: ['memory', 'processes'] }, groups)).not.toThrow();
    expect(() => check({ memory: '64MB', processes: 8 }, nothing)).not.toThrow();
  });

  test('no network, and another user, are always required', () => {
    expect(() => check({ network: 'none' }, groups)).toThrow('network none of a.task by nothing');
    expect(() => check({ user: 'nobody' }, groups)).toThrow('user nobody of a.task by nothing');
    expect(() => check({ network: 'none' }, { ...groups, networkNamespace: true })).not.toThrow();
  });

  test('the operator’s caps count for every child, and for nothing inline', () => {
    const caps = limitsOf({ memory: '64MB', required: ['memory'] });
    expect(heldHandler(handlerWith({}), caps, groups).holds).toMatchObject([{ name: 'memory', firm: true }]);
    const inline = defineTask({ name: 'b.task' }).handle(() => 1);
    expect(heldHandler(inline, caps, groups)).toMatchObject({ isolation: 'inline', holds: [] });
  });

  test('a lease event says which limits hold, and which only more or less', () => {
    const held = heldHandler(handlerWith({ memory: '64MB', files: 64 }), undefined, {
      ...nothing,
      rlimits: true,
      proc: true,
    });
    expect(leasedLimits(held)).toEqual({ memory: expect.stringMatching(/^64MB \(the kernel, each/), files: '64' });
  });
});
