import { LedgerError } from '../../errors.ts';
import type { Signals } from '../../signals.ts';
import type { DataDir } from './data-dir.ts';
import type { Guarded } from './guard.ts';
import type { ServerState } from './init-cluster.ts';
import { removeTemporaryDir } from './leftovers.ts';
import { startPostmaster } from './postmaster.ts';
import type { Postmaster, PostmasterOptions } from './postmaster.ts';

/** `fast` ends sessions and writes everything out; `immediate` leaves recovery to the next start. */
export type StopMode = 'fast' | 'immediate';

/** A running server. Ends with the process that started it, however that one ends. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** Of the superuser, password included, database `postgres`. */
  readonly url: string;
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Holds the cluster in `data/`, and `server.log`. */
  readonly dataDir: string;
  /** Of the postmaster; another one after `restart`. */
  readonly pid: number;
  /** Such as `18.4`. */
  readonly version: string;
  readonly running: boolean;
  /** Stops the server, gives the data directory free and removes it if it is temporary. Twice is fine. */
  stop(mode?: StopMode): Promise<void>;
  /** `kill -9` of the postmaster; resolves when no process of the server is left. The data stay, for `restart`. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data, stopping it first (fast) if it runs. */
  restart(): Promise<void>;
}

interface EmbeddedServerParts {
  readonly start: Omit<PostmasterOptions, 'port'>;
  readonly state: ServerState;
  readonly postmaster: Postmaster;
  readonly signals: Signals | undefined;
}

export class EmbeddedServer implements EmbeddedPostgres {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly url: string;
  readonly dataDir: string;
  readonly version: string;
  readonly #parts: EmbeddedServerParts;
  readonly #place: DataDir;
  #guarded: Guarded;
  #stopping: Promise<void> | undefined;

  constructor(parts: EmbeddedServerParts) {
    const { superuser, password } = parts.state;
    this.#parts = parts;
    this.#place = parts.start.dataDir;
    this.port = parts.postmaster.port;
    this.url = `postgres://${encodeURIComponent(superuser)}:${password}@${this.host}:${this.port}/postgres`;
    this.dataDir = this.#place.root;
    this.version = parts.start.binaries.version;
    this.#guarded = parts.postmaster.guarded;
    this.#watch(this.#guarded);
  }

  get pid(): number {
    return this.#guarded.pid;
  }

  get running(): boolean {
    return this.#guarded.running;
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    await (this.#stopping ??= this.#stop(mode));
  }

  async kill(): Promise<void> {
    await this.#guarded.finish('KILL', 'keep');
  }

  async restart(): Promise<void> {
    if (this.#stopping !== undefined) {
      throw new LedgerError('TASKLEDGER_EMBEDDED_FAILED', {
        expected: 'a server that was not stopped for good',
        found: 'a restart after stop()',
        remedy: 'Call restart() alone, or start another server',
      });
    }
    await this.#guarded.finish('INT', 'keep');
    const { guarded } = await startPostmaster({ ...this.#parts.start, port: { fixed: this.port } });
    this.#guarded = guarded;
    this.#watch(guarded);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(mode: StopMode): Promise<void> {
    const { temporary, account, root } = this.#place;
    await this.#guarded.finish(mode === 'fast' ? 'INT' : 'QUIT', temporary ? 'remove' : 'keep');
    if (temporary) await removeTemporaryDir(root, account);
    else await this.#place.release();
  }

  #watch(guarded: Guarded): void {
    guarded.unref();
    const { port, dataDir, version } = this;
    this.#parts.signals?.emit('postgres.started', { port, version, dataDir });
    void guarded.ended.then(() => {
      this.#parts.signals?.emit('postgres.stopped', { port });
      // If it ended by itself, nobody has told the guard yet.
      void guarded.finish('KILL', 'keep');
    });
  }
}
