import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** What the started process tells of each of its servers. */
export interface StartedServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly dataDir: string;
  readonly version: string;
}

export interface StarterOptions {
  /** The compiled module to import. */
  readonly entry: string;
  /** Options of `startEmbeddedPostgres`. */
  readonly options?: Record<string, unknown>;
  readonly servers?: number;
  /** JavaScript that runs once `servers` have started. Default: stays until killed. */
  readonly then?: string;
  readonly uid?: number;
  readonly tmpdir?: string;
  /** A process group of its own, to be signalled as a terminal does. */
  readonly detached?: boolean;
}

export interface StarterProcess {
  readonly child: ChildProcess;
  /** The next line it prints, parsed; rejects with what it wrote to stderr if it ends first. */
  readonly line: <T>() => Promise<T>;
  readonly exited: Promise<readonly [number | null, NodeJS.Signals | null]>;
}

/** A process of its own that starts embedded servers from compiled code. */
export function spawnStarter(starter: StarterOptions): StarterProcess {
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(starter.entry)});
    const start = () => startEmbeddedPostgres(${JSON.stringify(starter.options ?? {})});
    console.log('"starting"');
    const servers = await Promise.all(Array.from({ length: ${starter.servers ?? 1} }, start)).catch((error) => {
      console.log(JSON.stringify({ code: error.code, message: error.message }));
      process.exit(3);
    });
    const tell = ({ url, port, pid, dataDir, version }) => ({ url, port, pid, dataDir, version });
    console.log(JSON.stringify(servers.map(tell)));
    ${starter.then ?? 'setInterval(() => undefined, 1_000);'}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: '/',
    env: { PATH: process.env['PATH'], ...(starter.tmpdir === undefined ? {} : { TMPDIR: starter.tmpdir }) },
    ...(starter.uid === undefined ? {} : { uid: starter.uid, gid: starter.uid }),
    detached: starter.detached ?? false,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return follow(child);
}

function follow(child: ChildProcess): StarterProcess {
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const lines = createInterface({ input: child.stdout ?? process.stdin })[Symbol.asyncIterator]();
  return {
    child,
    exited,
    line: async <T>() => {
      const next = await lines.next();
      if (next.done === true) throw new Error(`the starter ended without a word: ${complaint}`);
      return JSON.parse(next.value) as T;
    },
  };
}
