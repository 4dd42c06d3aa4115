import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { withConnection } from '../admin-connection.ts';
import { repositoryRoot } from '../repository.ts';
import { placeOf, type PageBlock } from './page-blocks.ts';

/** What a page's own code may import, besides Node.js: the package itself and peers that are dependencies here. */
const packages = ['kysely', 'pg', 'zod'];
const untilMs = 25_000;
const lookAgainMs = 100;
const blockMs = 60_000;

/** Languages that are only shown: output, configuration, drawings. What is typechecked is looked at by another test. */
const shown = ['', 'text', 'ini', 'json', 'mermaid', 'ts', 'python'];

export const hasPsql = spawnSync('psql', ['--version'], { stdio: 'ignore' }).status === 0;

interface PageSessionOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The URL for a `sql` block's `as` and `database`. */
  readonly sqlUrl?: (user: string | undefined, database: string | undefined) => string;
  /** What stands on the page, and what it is here: host names, ports. */
  readonly replacing?: Readonly<Record<string, string>>;
}

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

/**
 * A reader who follows a page from top to bottom in one directory and one shell: exported variables go on from block to
 * block, and `ID` stands for the task id that was printed last.
 */
export class PageSession implements AsyncDisposable {
  readonly directory: string;
  readonly #options: PageSessionOptions;
  readonly #background: { readonly child: ChildProcess; readonly place: string }[] = [];
  #lastId = '';

  private constructor(directory: string, options: PageSessionOptions) {
    this.directory = directory;
    this.#options = options;
  }

  static async start(options: PageSessionOptions = {}): Promise<PageSession> {
    const directory = await mkdtemp(path.join(tmpdir(), 'taskledger-page-'));
    // A server of `dev` runs as another system user, who must be able to pass through.
    await chmod(directory, 0o755);
    await mkdir(path.join(directory, '.shell'));
    await writeFile(path.join(directory, '.shell/npx'), npx, { mode: 0o755 });
    await writeFile(path.join(directory, '.shell/exported'), '');
    await mkdir(path.join(directory, 'node_modules'));
    for (const name of packages) {
      await symlink(path.join(repositoryRoot, 'node_modules', name), path.join(directory, 'node_modules', name));
    }
    await symlink(repositoryRoot, path.join(directory, 'node_modules/taskledger'));
    await symlink(path.join(repositoryRoot, 'examples'), path.join(directory, 'examples'));
    return new PageSession(directory, options);
  }

  /** Does with every block what it says of itself, in order. */
  async follow(blocks: readonly PageBlock[]): Promise<void> {
    for (const block of blocks) await this.do(block);
  }

  async do(block: PageBlock): Promise<void> {
    const { flags, language } = block;
    const file = flags.get('file');
    if (flags.has('not-run')) return;
    if (file !== undefined) await writeFile(path.join(this.directory, file), this.#here(block.text));
    else if (flags.has('background')) await this.#startInBackground(block);
    else if (language === 'sh' || language === 'sql') await this.#runAndExpect(block);
    else if (!shown.includes(language))
      throw new Error(`${placeOf(block)}: nobody knows what to do with "${language}"`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child } of this.#background) signalGroup(child, 'SIGKILL');
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Ends what runs in the background as Ctrl-C would; each must end with 0. */
  async stopBackground(): Promise<void> {
    for (const { child, place } of this.#background.splice(0).reverse()) {
      const exited = once(child, 'exit') as Promise<[number | null]>;
      signalGroup(child, 'SIGINT');
      expect([place, (await exited)[0]]).toEqual([place, 0]);
    }
  }

  async #runAndExpect(block: PageBlock): Promise<void> {
    const { flags } = block;
    const until = flags.get('until');
    const giveUp = AbortSignal.timeout(untilMs);
    let ended = await this.#run(block);
    while (until !== undefined && !ended.output.includes(until) && !giveUp.aborted) {
      await pause(lookAgainMs);
      ended = await this.#run(block);
    }
    const wanted = until ?? flags.get('shows') ?? '';
    const says = `${placeOf(block)}\n${block.text}→ ${ended.status}\n${ended.output}`;
    expect(ended.status, says).toBe(Number(flags.get('exits') ?? 0));
    expect(ended.output, says).toContain(wanted);
    this.#lastId = ended.output.match(uuid)?.at(-1) ?? this.#lastId;
  }

  async #run({ language, text, flags }: PageBlock): Promise<Ended> {
    if (language === 'sh') return await ending(this.#shell(text));
    const url = this.#options.sqlUrl?.(flags.get('as'), flags.get('database')) ?? '';
    if (!hasPsql) return await viaDriver(url, this.#here(text));
    const child = spawn('psql', ['--no-psqlrc', '--set=ON_ERROR_STOP=1', '--file=-', url]);
    child.stdin.end(this.#here(text));
    return await ending(child);
  }

  async #startInBackground(block: PageBlock): Promise<void> {
    const child = this.#shell(`exec ${block.text.trim()}`);
    this.#background.push({ child, place: placeOf(block) });
    const ready = block.flags.get('background') ?? '';
    let output = '';
    await new Promise<void>((resolve, reject) => {
      const hear = (chunk: Buffer): void => {
        output += chunk.toString();
        if (output.includes(ready)) resolve();
      };
      child.stdout?.on('data', hear);
      child.stderr?.on('data', hear);
      child.once('exit', () => reject(new Error(`${placeOf(block)} ended before it said "${ready}": ${output}`)));
    });
  }

  #shell(text: string): ChildProcess {
    const { TASKLEDGER_DATABASE_URL: _url, PGPASSFILE: _passwords, ...inherited } = process.env;
    const script = `source .shell/exported\n${this.#here(text)}\nexport -p > .shell/exported\n`;
    return spawn('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: this.directory,
      // A group of its own: what a block starts is ended with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...inherited,
        NO_COLOR: '1',
        HOME: this.directory,
        PATH: `${this.directory}/.shell:${path.dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
        TASKLEDGER_PROGRAM: path.join(repositoryRoot, 'bin/taskledger.js'),
        ...this.#options.env,
      },
    });
  }

  #here(text: string): string {
    const known = Object.entries(this.#options.replacing ?? {}).reduce(
      (result, [from, to]) => result.replaceAll(from, to),
      text,
    );
    return this.#lastId === '' ? known : known.replaceAll(/\bID\b/g, this.#lastId);
  }
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** `npx taskledger …` of the package in front of us; npx itself would look for it on the network. */
const npx = `#!/bin/sh
[ "$1" = taskledger ] || { echo "only npx taskledger is known here, not $1" >&2; exit 127; }
shift
exec node "$TASKLEDGER_PROGRAM" "$@"
`;

async function ending(child: ChildProcess): Promise<Ended> {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const tooLong = setTimeout(() => signalGroup(child, 'SIGKILL'), blockMs);
  const [status] = (await once(child, 'close')) as [number | null];
  clearTimeout(tooLong);
  return { status, output };
}

/** Where there is no psql: the same statements by the driver, their rows as JSON. */
async function viaDriver(url: string, text: string): Promise<Ended> {
  try {
    const results = await withConnection(url, async (client) => [await client.query(text)].flat());
    return { status: 0, output: results.map(({ rows }) => JSON.stringify(rows)).join('\n') };
  } catch (error) {
    return { status: 3, output: String(error) };
  }
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}
