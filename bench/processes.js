// Peers that want several processes get them here. Starting Node, importing and connecting are not timed: a process
// says `ready`, all of them get `go` at once, and each says `done` when it found nothing more to do.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ownCpuSeconds } from './machine.js';

const running = new Set();

/**
 * In the parent.
 * @returns `run()` → childCpuSeconds summed over the processes, `stop()`.
 */
export async function startProcesses(script, count, options) {
  const children = Array.from({ length: count }, () => {
    const child = fork(fileURLToPath(script), [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  });
  await Promise.all(children.map((child) => ask(child, { prepare: options })));
  return {
    async run() {
      const answers = await Promise.all(children.map((child) => ask(child, { go: true })));
      return { childCpuSeconds: answers.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) };
    },
    async stop() {
      await Promise.all(
        children
          .filter((child) => child.connected)
          .map(async (child) => {
            const ended = new Promise((resolve) => child.once('exit', resolve));
            child.disconnect();
            await ended;
          }),
      );
    },
  };
}

export function killProcesses() {
  for (const child of running) child.kill('SIGKILL');
}

function ask(child, message) {
  return new Promise((resolve, reject) => {
    const ended = (code, signal) => reject(new Error(`a process of the benchmark ended with ${signal ?? code}`));
    child.once('exit', ended);
    child.once('message', (answer) => {
      child.off('exit', ended);
      if (answer.error === undefined) resolve(answer);
      else reject(new Error(answer.error));
    });
    child.send(message);
  });
}

/** In the child: `prepare(options)` returns `{ run, close }`. */
export function serve(prepare) {
  let prepared;
  const answers = {
    async prepare({ prepare: options }) {
      prepared = await prepare(options);
      return {};
    },
    async go() {
      const before = ownCpuSeconds();
      await prepared.run();
      return { cpuSeconds: ownCpuSeconds() - before };
    },
  };
  process.on('message', (message) => {
    answers[message.go ? 'go' : 'prepare'](message).then(
      (answer) => process.send(answer),
      (error) => process.send({ error: error.stack }),
    );
  });
  process.on('SIGINT', () => {}); // the parent ends us
  process.once('disconnect', async () => {
    await prepared?.close();
    process.exit(0);
  });
}
