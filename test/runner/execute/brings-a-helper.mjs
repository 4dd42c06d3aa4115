// A handlers module that starts a program while it is loaded, as some packages do, for all its attempts.
import { spawn } from 'node:child_process';
import { defineTask } from '../../../dist/ledger/define-task.js';

// Not in the runner, which loads the module too.
const helper = process.env.taskledger_attempt === undefined ? undefined : spawn('sleep', ['1000'], { stdio: 'ignore' });
helper?.unref();

export const helped = defineTask({ name: 'behaves.helped' }).handle(
  async ({ progress }) => {
    await progress({ checkpoint: 'began' });
    const left = spawn('sleep', ['1000'], { stdio: 'ignore' });
    left.unref();
    return { pid: process.pid, helper: helper?.pid, left: left.pid };
  },
  { isolation: 'pool', module: import.meta.url },
);
