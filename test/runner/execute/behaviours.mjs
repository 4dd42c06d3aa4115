/* eslint-disable no-restricted-properties -- ending the process is one of the behaviours */
/*
 * What handlers do, well and badly: run by the tests of executions, inline and in a process. Plain JavaScript from the
 * compiled package, since a child process imports it.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, chmodSync, existsSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { defineTask } from '../../../dist/ledger/define-task.js';
import { FatalError, RetryAfter, RetryAt } from '../../../dist/runner/retry-errors.js';

const inProcess = { isolation: 'process', module: import.meta.url, graceMs: 300, env: ['BEHAVIOUR_OPEN'] };
const task = (name, run, options = {}) => defineTask({ name: `behaves.${name}`, ...options }).handle(run, inProcess);
const kept = [];
let repeated;
/** Until there is such a file. */
const onceThere = async (file) => {
  while (!existsSync(file)) await new Promise((resolve) => setTimeout(resolve, 5));
};
const forever = () => new Promise(() => setInterval(() => undefined, 60_000));
/** Until the runner has read what was written. */
const write = (text) => {
  for (let left = Buffer.from(text); left.length > 0;) {
    try {
      left = left.subarray(writeSync(3, left));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
};

export const both = [
  task('tells', ({ input, attempt, lease, checkpoint, taskId, runAt, name }) => {
    return { input, attempt, lease, checkpoint, taskId, name, runAt: runAt.toISOString() };
  }),
  task('nothing', () => undefined),
  task('throws', () => {
    throw new TypeError('no luck', { cause: new RangeError('too far') });
  }),
  task('fatal', async () => {
    throw new FatalError('never');
  }),
  task('later', () => {
    throw new RetryAfter('10m');
  }),
  task('then', () => {
    throw new RetryAt(new Date(Date.now() + 3_600_000));
  }),
  task(
    'hopeless',
    () => {
      throw new RangeError('no use');
    },
    { retryable: (error) => !(error instanceof RangeError) },
  ),
  task('picky', ({ input }) => ({ day: input.day.getUTCDay() }), {
    input: z.object({ day: z.coerce.date() }),
    output: z.object({ day: z.number().max(5) }),
  }),
  task('unstorable', () => 1n),
  task('saves', async ({ progress }) => {
    await progress({ fraction: 0.5, message: 'half' });
    await progress({ checkpoint: { page: 7 } });
    return 'saved';
  }),
  task('logs', ({ log, input }) => {
    const { debug, warn } = log;
    debug('by the way', { page: 7, of: { all: 'ü' } });
    warn('two\nlines');
    for (let i = 0; i < input; i += 1) log.info(`line ${i}`);
    log.error(new TypeError('no luck'));
    log.info('strange', [1]);
    log.info('large', { text: 'x'.repeat(2000) });
    log.info('y'.repeat(5000));
    return 'logged';
  }),
  task('obeys', ({ signal, progress }) => {
    const told = new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error(`told: ${signal.reason.message}`)));
    });
    void progress({ message: 'began' });
    return told;
  }),
  task('finishes', ({ signal, progress }) => {
    const told = new Promise((resolve) => signal.addEventListener('abort', () => resolve('in time')));
    void progress({ message: 'began' });
    return told;
  }),
];

export const faulty = [
  task('exits', ({ input }) => process.exit(input)),
  task('dies', () => process.kill(process.pid, 'SIGKILL')),
  task('throws.outside', () => {
    setImmediate(() => {
      throw new Error('outside the promise');
    });
    return forever();
  }),
  // As V8 ends a process whose heap is full; really filling it takes gigabytes.
  task('full', () => {
    console.error('FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory');
    process.abort();
  }),
  task('aborts', () => process.abort()),
  task('prints', ({ input }) => {
    for (const line of input) console.log(line);
    console.error('to stderr');
    return 'printed';
  }),
  task('writes', ({ input }) => {
    write(input);
    return 'written';
  }),
  task('endless', () => {
    for (;;) write('x'.repeat(65_536));
  }),
  task('twice', () => {
    const once = Socket.prototype.write;
    Socket.prototype.write = function (text, ...rest) {
      once.call(this, text);
      return once.call(this, text, ...rest);
    };
    return 'twice';
  }),
  task('throws.after', () => {
    process.exit = () => {
      throw new Error('after the result');
    };
    return 'done';
  }),
  task('stays', ({ input }) => {
    process.exit = () => undefined;
    process.on('SIGTERM', () => undefined);
    return input;
  }),
  task('ignores', ({ progress, input }) => {
    if (input === 'SIGTERM') process.on('SIGTERM', () => undefined);
    void progress({ message: 'began' });
    return forever();
  }),
  task('hears', ({ signal, input }) => {
    process.on('SIGTERM', () => undefined);
    signal.addEventListener('abort', () => appendFileSync(input, `heard ${Date.now()}\n`));
    appendFileSync(input, 'began\n');
    return forever();
  }),
  task('too.late', ({ progress }) => {
    void progress({ message: 'began' });
    return new Promise((resolve) => process.on('SIGTERM', () => resolve('too late')));
  }),
  task('environment', () => {
    const { env, argv, execArgv } = process;
    const mode = statSync('.').mode & 0o777;
    return { env, cwd: process.cwd(), argv: argv.length, execArgv, mode };
  }),
  task('leaves', ({ input }) => {
    const left = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    left.unref();
    writeFileSync(path.join(process.cwd(), 'mine'), 'x');
    appendFileSync(input, `${left.pid} ${process.cwd()}\n`);
    return 'left it';
  }),
  task('blocks', ({ input }) => {
    const left = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
    appendFileSync(input, `${process.pid} ${left.pid} ${process.cwd()}\n`);
    for (;;);
  }),
  task('is.itself', async ({ input }) => {
    const { pid, env } = process;
    if (input?.ms !== undefined) await new Promise((resolve) => setTimeout(resolve, input.ms));
    return { pid, cwd: process.cwd(), tmpdir: tmpdir(), mark: env.taskledger_attempt };
  }),
  /** Does that to its directory, and says in which it is and what it found there. */
  task('uses.its.directory', ({ input }) => {
    const found = readdirSync('.');
    if (input === 'keeps a file') writeFileSync('kept', '');
    if (input === 'lets others in') chmodSync('.', 0o777);
    const late = path.resolve('late');
    if (input?.writesOnce !== undefined) void onceThere(input.writesOnce).then(() => writeFileSync(late, ''));
    return { cwd: process.cwd(), found, mode: statSync('.').mode & 0o777 };
  }),
  task('is.another', () => ({ pid: process.pid })),
  task('grows', ({ input }) => {
    kept.push(Buffer.alloc(input * 2 ** 20, 1));
    return { pid: process.pid };
  }),
  task('burns', ({ input }) => {
    const { user } = process.cpuUsage();
    while (process.cpuUsage().user - user < input * 1000);
    return { pid: process.pid };
  }),
  task('blocks.after', () => {
    process.on('SIGTERM', () => undefined);
    setImmediate(() => {
      for (;;);
    });
    return { pid: process.pid };
  }),
  task('blocks.later', ({ input }) => {
    setTimeout(() => {
      appendFileSync(input, 'blocks\n');
      for (;;);
    }, 50);
    return { pid: process.pid };
  }),
  task('dies.later', () => {
    setTimeout(() => process.exit(7), 50);
    return { pid: process.pid };
  }),
  task('repeats.itself.later', ({ input, progress }) => {
    const once = Socket.prototype.write;
    let said;
    Socket.prototype.write = function (text, ...rest) {
      said ??= text;
      return once.call(this, text, ...rest);
    };
    void progress({ message: 'mine' });
    Socket.prototype.write = once;
    repeated = onceThere(input.once).then(() => write(said));
    return { pid: process.pid };
  }),
  task('lets.it.repeat.itself', async ({ input }) => {
    writeFileSync(input.once, '');
    await repeated;
    return { pid: process.pid };
  }),
  task('goes.on', ({ input, progress }) => {
    void onceThere(input.once).then(() => {
      void progress({ message: 'late', checkpoint: 'late' });
      process.stdout.write('late line\n', () => appendFileSync(input.file, 'printed\n'));
    });
    return { pid: process.pid };
  }),
  task('pays', async ({ input, attempt }) => {
    appendFileSync(input, `paid ${attempt}\n`);
    process.kill(process.pid, 'SIGKILL');
    return forever();
  }),
];
