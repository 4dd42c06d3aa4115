import type { Clock } from '../../clock.ts';
import { connectForOneService, type ServiceConnection } from '../../postgres/service-connection.ts';
import type { Signals } from '../../signals.ts';
import type { SiteKey } from './site-key.ts';
import { sealTick, type SealedTick } from './tick.ts';

export interface SealerOptions {
  readonly connectionString: string;
  /** Must be known to the site: `taskledger site init`. */
  readonly key: SiteKey;
  readonly clock: Clock;
  readonly signals: Signals;
  /** Done when this one is to lead, before its first tick. */
  readonly beforeLeading?: () => Promise<void>;
}

const nothing: SealedTick = { blocks: 0, events: 0 };
/** Between ticks while events come in: what an event waits for its block, on average half of it. */
const busyMs = 50;
/** And when nothing came for a while: the longest an event waits for its block. */
const idleMs = 100;
/** So many ticks without an event make it idle. */
const idleTicks = 40;
/** How often one that is not the leader asks whether the leader is gone. */
const standbyMs = 1000;
/**
 * A leader that is stopped, not dead (SIGSTOP, a suspended machine), still answers for TCP. The server ends a session
 * that asks nothing for this long, and with it the lock, so that another one leads within 5 s.
 */
const silentMs = 3000;
const endWhenSilent = `set idle_session_timeout = ${silentMs}; set idle_in_transaction_session_timeout = ${silentMs}`;
/** Of the advisory lock that makes one sealer of a site the leader. */
const leaderLock = `select pg_try_advisory_lock(hashtextextended('taskledger.sealer', 0)) as leads`;

/**
 * Turns the own stream into blocks, a tick at a time: a service of the daemon, which says when. Several may run: the one
 * that holds the advisory lock of its session leads, the others take over within 5 s of its death. Should two ever both
 * believe they lead, the primary key of `blocks` lets one of them through.
 */
export class Sealer {
  readonly name = 'seal';
  readonly #options: SealerOptions;
  #connection: ServiceConnection | undefined;
  #leads = false;
  #ticksWithoutEvents = 0;

  constructor(options: SealerOptions) {
    this.#options = options;
  }

  /** Until the next tick is due. */
  get everyMs(): number {
    if (!this.#leads) return standbyMs;
    return this.#ticksWithoutEvents < idleTicks ? busyMs : idleMs;
  }

  /** Lets another sealer lead. */
  async stop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#leads = false;
    await connection?.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** One tick, if this one leads: everything visible now is in a block afterwards. @throws whatever pg throws */
  async runOnce(): Promise<SealedTick> {
    try {
      const connection = await this.#connect();
      if (!(await this.#lead(connection))) return nothing;
      const sealed = await this.#tick(connection);
      this.#ticksWithoutEvents = sealed.events === 0 ? this.#ticksWithoutEvents + 1 : 0;
      return sealed;
    } catch (error) {
      // A new session for the next run: this one may hold a transaction that failed, or not be there any more.
      await this.stop();
      throw error;
    }
  }

  async #tick(connection: ServiceConnection): Promise<SealedTick> {
    const { clock, key, signals } = this.#options;
    const { rows } = await connection.query('select taskledger.sealable() as sealable', []);
    const { sealable } = rows[0] as { sealable: boolean | null };
    if (sealable === false) return nothing;
    if (sealable === null) await connection.query('select taskledger.restart_sealing()', []);
    const startedAt = clock.monotonic();
    const sealed = await sealTick(connection, key, (step) => signals.emit('seal.step', { step }));
    if (sealed.blocks > 0) signals.emit('seal.done', { ...sealed, durationMs: clock.monotonic() - startedAt });
    return sealed;
  }

  async #connect(): Promise<ServiceConnection> {
    if (this.#connection?.ended === false) return this.#connection;
    await this.stop();
    this.#connection = await connectForOneService(this.#options.connectionString, 'taskledger sealer');
    await this.#connection.query(endWhenSilent, []);
    return this.#connection;
  }

  /** What is done before leading may take longer than the session may be silent. */
  async #prepare(connection: ServiceConnection): Promise<void> {
    const { clock, beforeLeading } = this.#options;
    const prepared = beforeLeading?.().then(() => true) ?? Promise.resolve(true);
    prepared.catch(() => undefined);
    while (!(await Promise.race([prepared, clock.sleep(silentMs / 3).then(() => false)]))) {
      await connection.query('select', []);
    }
  }

  async #lead(connection: ServiceConnection): Promise<boolean> {
    if (this.#leads) return true;
    const { rows } = await connection.query(leaderLock, []);
    const { leads } = rows[0] as { leads: boolean };
    if (leads) await this.#prepare(connection);
    this.#leads = leads;
    if (leads) this.#options.signals.emit('seal.leading', { keyId: this.#options.key.keyId });
    return this.#leads;
  }
}
