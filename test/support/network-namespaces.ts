import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { onTestFinished } from 'vitest';

/** A network of its own on this machine, with one cable to another one. */
export interface Network {
  /** Of the end of the cable in this network. */
  readonly address: string;
  /** The command, to be put before another, that runs it in this network. */
  readonly enter: readonly string[];
  /** Makes a port of this network's 127.0.0.1 reachable over the cable. @returns the port there */
  offer(port: number): Promise<number>;
  /** From now on whatever this network sends over the cable is lost, without anybody being told. */
  lose(): void;
  /** It arrives again. */
  mend(): void;
}

const port = 6543;
/** The address of no machine: frames for it reach nobody. */
const nobody = '02:00:00:00:00:01';

/** Why no network namespaces can be made here; undefined where they can. */
export function whyNoNetworks(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux has them';
  if (process.getuid?.() !== 0) return 'only root may make them';
  const name = `tl-${process.pid}-try`;
  const { error, status, stderr } = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (error !== undefined) return 'the program ip (iproute2) is not installed';
  if (status !== 0) return `the kernel refuses them: ${stderr.trim()}`;
  ip('netns', 'delete', name);
  for (const left of leftNames()) ip('netns', 'delete', left);
  return undefined;
}

/** Of test runs that were killed. */
function leftNames(): string[] {
  const names = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).match(/^tl-\d+-\w+/gm) ?? [];
  return names.filter((name) => !existsSync(`/proc/${name.split('-')[1]}`));
}

/** Two networks and the cable between them; both are gone when the test ends. What runs in them is to be ended before. */
export function twoNetworks(): readonly [Network, Network] {
  const names = [`tl-${process.pid}-a`, `tl-${process.pid}-b`] as const;
  for (const name of names) {
    ip('netns', 'add', name);
    onTestFinished(() => ip('netns', 'delete', name));
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  ip('-n', names[0], 'link', 'add', 'cable', 'type', 'veth', 'peer', 'name', 'cable', 'netns', names[1]);
  const addresses = ['10.213.77.1', '10.213.77.2'] as const;
  names.forEach((name, i) => {
    ip('-n', name, 'address', 'add', `${addresses[i]}/30`, 'dev', 'cable');
    ip('-n', name, 'link', 'set', 'cable', 'up');
  });
  return [network(names[0], addresses[0], addresses[1]), network(names[1], addresses[1], addresses[0])];
}

function network(name: string, address: string, other: string): Network {
  const enter = ['ip', 'netns', 'exec', name];
  return {
    address,
    enter,
    async offer(target) {
      const script = `
        require('node:net').createServer({ allowHalfOpen: true }, (from) => {
          const to = require('node:net').connect({ port: ${target}, host: '127.0.0.1', allowHalfOpen: true });
          from.pipe(to).pipe(from);
          for (const [one, another] of [[from, to], [to, from]]) one.on('error', () => another.destroy());
        }).listen(${port}, '${address}', () => console.log('ready'));`;
      const child = spawn('ip', [...enter.slice(1), process.execPath, '-e', script], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const ended = once(child, 'exit');
      onTestFinished(async () => {
        child.kill('SIGKILL');
        await ended;
      });
      await once(child.stdout, 'data');
      return port;
    },
    lose: () => ip('-n', name, 'neighbour', 'replace', other, 'lladdr', nobody, 'dev', 'cable', 'nud', 'permanent'),
    mend: () => ip('-n', name, 'neighbour', 'delete', other, 'dev', 'cable'),
  };
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
