import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { repositoryRoot } from '../support/repository.ts';

const program = path.join(repositoryRoot, 'bin/taskledger.js');

export interface CliOptions {
  /** Becomes TASKLEDGER_DATABASE_URL; without it that is not set. */
  readonly url?: string;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** A command that runs it, such as one that enters a network namespace. */
  readonly by?: readonly string[];
}

export interface CliResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Every line of stdout, parsed. */
  readonly objects: () => Record<string, unknown>[];
  /** stderr, parsed: the error of `--json`. */
  readonly error: () => Record<string, unknown>;
}

export function spawnCli(args: readonly string[], { url, cwd, env, by = [] }: CliOptions = {}): ChildProcess {
  const { TASKLEDGER_DATABASE_URL: _url, NO_COLOR: _noColor, LOG_LEVEL: _logLevel, ...others } = process.env;
  // A setting of the tests, not of the program, which would say so.
  const { TASKLEDGER_TEST_SERVER: _server, ...inherited } = others;
  const [file = '', ...rest] = [...by, process.execPath, program, ...args];
  return spawn(file, rest, {
    cwd: cwd ?? repositoryRoot,
    env: { ...inherited, ...(url === undefined ? {} : { TASKLEDGER_DATABASE_URL: url }), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Runs `taskledger` to its end, as a process of its own. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = spawnCli(args, options);
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  child.stdin?.on('error', () => undefined).end(options.stdin ?? '');
  const [status] = (await once(child, 'close')) as [number | null];
  const text = stdout();
  // In a clone the launcher builds first when somebody has just saved a source file.
  const complaints = stderr().replace(/^taskledger: building .*\n/, '');
  const parse = (line: string): Record<string, unknown> => JSON.parse(line) as Record<string, unknown>;
  return {
    status,
    stdout: text,
    stderr: complaints,
    objects: () => text.trimEnd().split('\n').map(parse),
    error: () => parse(complaints),
  };
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = [];
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

/** The first line the process prints. */
export async function firstLine(child: ChildProcess): Promise<string> {
  const seen = collect(child.stdout);
  const complaints = collect(child.stderr);
  while (!seen().includes('\n')) {
    const [first] = (await Promise.race([
      once(child.stdout ?? child, 'data'),
      once(child, 'exit').then(() => ['ended']),
    ])) as unknown[];
    if (first === 'ended') throw new Error(`it ended without a line: ${complaints()}`);
  }
  return seen().split('\n')[0] ?? '';
}
