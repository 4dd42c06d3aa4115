/*
 * What handlers do that mean harm, or that are broken as if they did. Each tells by its progress that it has begun. Plain
 * JavaScript from the compiled package, since a child process imports it. `input.size` says how much of it.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { defineTask } from '../../../dist/ledger/define-task.js';

const inProcess = { isolation: 'process', module: import.meta.url, graceMs: 300 };
const task = (name, run, options = {}) => defineTask({ name: `hostile.${name}`, ...options }).handle(run, inProcess);
const forever = () => new Promise(() => setInterval(() => undefined, 60_000));
const tried = (act) => {
  try {
    return act() ?? 'done';
  } catch (error) {
    return error.code ?? error.message;
  }
};

export const hostile = [
  task('forks', async ({ progress }) => {
    await progress({ message: 'began' });
    // Every shell starts two more, which do the same. One that is refused ends; what it has started besides does not.
    spawn('/bin/sh', ['-c', 'bomb() { sleep 1000 & bomb & bomb & wait; }; bomb'], { stdio: 'ignore', detached: true });
    return forever();
  }),
  task('allocates', ({ input }) => {
    const kept = [];
    for (let mb = 0; mb < input.size; mb += 16) kept.push(Buffer.alloc(16 * 2 ** 20, 1));
    return kept.length;
  }),
  task('allocates.below', async ({ input }) => {
    const script = `const kept = []; for (let mb = 0; mb < ${input.size}; mb += 16) kept.push(Buffer.alloc(16 * 2 ** 20, 1));
      setInterval(() => kept.length, 1000);`;
    spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
    return forever();
  }),
  task('fills.heap', () => {
    const kept = [];
    for (;;) kept.push(new Array(1e5).fill(1.5));
  }),
  task('loops', () => {
    for (;;);
  }),
  task('loops.below', () => {
    for (let i = 0; i < 2; i += 1) spawn('/bin/sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
    return forever();
  }),
  task('hides', ({ input: { file, seconds, stays } }) => {
    // A daemon as daemons are made: another session, no parent, an empty environment.
    const script = `setsid env -i /bin/sh -c 'echo begun > ${file}; exec sleep ${seconds}' </dev/null >/dev/null 2>&1 &`;
    spawnSync('/bin/sh', ['-c', script]);
    while (!existsSync(file));
    return stays ? forever() : 'hid it';
  }),
  task('starts', ({ input }) => {
    for (let i = 0; i < input.size; i += 1) spawn('sleep', ['1000'], { stdio: 'ignore' });
    return forever();
  }),
  task('starts.unlimited', ({ input }) => {
    // In a user namespace it has all rights of a root, and there the control groups begin at its own.
    const mounts = readFileSync('/proc/self/cgroup', 'utf8')
      .split('\n')
      .flatMap((line) => {
        const names = line.split(':')[1];
        if (names === '') return ['mount -t cgroup2 none again'];
        return /^(memory|pids)/.test(names ?? '') ? [`mount -t cgroup -o ${names} none again`] : [];
      });
    mkdirSync('again');
    for (const mount of mounts) {
      const script = `${mount} && for file in again/pids.max again/*/pids.max; do echo max > $file; done`;
      spawnSync('unshare', ['--user', '--map-root-user', '--mount', '--cgroup', '/bin/sh', '-c', script]);
    }
    for (let i = 0; i < input.size; i += 1) spawn('sleep', ['1000'], { stdio: 'ignore' });
    return forever();
  }),
  task('opens', () => {
    for (let opened = 0; ; opened += 1) {
      try {
        openSync('/dev/null');
      } catch (error) {
        error.message += ` after ${opened} files`;
        throw error;
      }
    }
  }),
  task('makes.files', async ({ input }) => {
    for (let i = 0; i < input.size; i += 1) await writeFile(`f${i}`, '');
    return 'made';
  }),
  task('fills.disk', async ({ input }) => {
    const chunk = Buffer.alloc(2 ** 20, 1);
    for (let mb = 0; mb < input.size; mb += 1) {
      await writeFile(`full${mb}`, chunk);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return 'written';
  }),
  task('floods', async ({ input }) => {
    const chunk = 'x'.repeat(2 ** 20);
    for (let mb = 0; mb < input.size; mb += 1) {
      if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve));
    }
    return 'flooded';
  }),
  task('prints.bytes', async () => {
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, i) => i % 256));
    await new Promise((resolve) => process.stdout.write(bytes, resolve));
    await new Promise((resolve) => process.stderr.write(bytes, resolve));
    return 'printed';
  }),
  task('closes.stdout', async ({ progress }) => {
    for (const fd of [1, 2]) closeSync(fd);
    void progress({ message: 'began' });
    return forever();
  }),
  task('looks', ({ input }) => {
    const sees = tried(() => readFileSync(`/proc/${input.pid}/environ`, 'latin1')).includes(input.secret);
    const { stdout } = spawnSync('/bin/sh', ['-c', 'cat /proc/[0-9]*/environ 2>/dev/null'], { encoding: 'latin1' });
    return { sees, seesAny: stdout.includes(input.secret), uid: process.getuid() };
  }),
  task('kills', ({ input }) => {
    return {
      parent: tried(() => process.kill(process.ppid, 'SIGKILL')),
      runner: tried(() => process.kill(input.pid, 0)),
    };
  }),
  task('raises', ({ input }) => {
    for (const mount of input.mounts) spawnSync('mount', ['-o', 'remount,bind,rw', mount]);
    const limits = tried(() => readFileSync('/proc/self/limits', 'utf8'));
    const raised = spawnSync('/bin/sh', ['-c', 'ulimit -H -n 100000 || exit 9; ulimit -n 100000'], {
      encoding: 'utf8',
    });
    const here = (directory, file) => tried(() => writeFileSync(`${directory}/${file}`, '0', { flag: 'r+' }));
    const left = input.directories.map((directory) => here(directory, 'cgroup.procs'));
    const widened = input.directories.flatMap((directory) =>
      readdirSync(directory)
        .filter((name) => name.startsWith('taskledger-'))
        .flatMap((name) => ['memory.limit_in_bytes', 'memory.max', 'pids.max'].map((file) => `${name}/child-1/${file}`))
        .map((file) => here(directory, file)),
    );
    return {
      files: /^Max open files +(\d+) +(\d+)/m.exec(limits)?.slice(1),
      raised: raised.status,
      left,
      widened,
    };
  }),
  task('links', async ({ input }) => {
    mkdirSync('a/b', { recursive: true });
    symlinkSync(input.directory, 'a/link');
    symlinkSync(input.file, 'file');
    // Not to the root: should a link ever be followed, that would be the end of this machine.
    symlinkSync(input.directory, 'link');
    mkdirSync('locked/inside', { recursive: true });
    writeFileSync('locked/inside/file', 'x');
    await chmod('locked/inside', 0);
    await chmod('locked', 0);
    return process.cwd();
  }),
  task('dumps', () => {
    console.error(/^Max core file size.*$/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[0]);
    process.abort();
  }),
  task('reaches', () => {
    const script = `require('net').connect(1, '127.0.0.1').on('error', (e) => { console.log(e.code); process.exit(0); })`;
    return spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' }).stdout.trim();
  }),
];
