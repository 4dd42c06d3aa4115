import type { Clock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import { durationMs, type Duration } from '../ledger/duration.ts';
import type { createPool } from '../postgres/pool.ts';
import { installMovableTime, movableNow, removeMovableTime, setTime, type TimeSetting } from './movable-time.ts';

/**
 * The time of a test ledger: of its database, thus of retries, windows, deadlines, leases and every recorded event, and of
 * the runner. It is real time until a test moves it, and goes on from where it was moved to.
 */
export interface TestClock {
  now(): Date;
  /** Lets that much time pass at once. What it makes due happens at the next `runUntilIdle`. */
  advance(duration: Duration): Promise<void>;
  /**
   * Makes it that time. Back in time only as far as nothing was recorded of a task yet.
   * @throws LedgerError TASKLEDGER_INVALID_OPTION
   */
  setTo(moment: Date): Promise<void>;
  /** Lets no time pass but by `advance` and `setTo`, until `unfreeze`. */
  freeze(): Promise<void>;
  /** Time goes on, from where it stands. */
  unfreeze(): Promise<void>;
}

interface MovableClockOptions {
  readonly pool: ReturnType<typeof createPool>;
  readonly real: Clock;
  /** Called after every move. */
  readonly onMoved: () => Promise<void>;
}

const realTime: TimeSetting = { offsetMs: 0, frozenAt: undefined };

/** The database is changed at the first move only: a test that never asks for another time has the ledger as it is. */
export class MovableClock implements TestClock {
  readonly #options: MovableClockOptions;
  #setting: TimeSetting = realTime;
  #installed = false;

  constructor(options: MovableClockOptions) {
    this.#options = options;
  }

  /** For the runner: it agrees with the database on what time it is, while its waits stay real. */
  get forRunner(): Clock {
    const { real } = this.#options;
    return {
      now: () => this.#nowMs(),
      monotonic: () => real.monotonic(),
      sleep: (ms, signal) => real.sleep(ms, signal),
    };
  }

  /** What SQL asks for the time. */
  get sqlNow(): string {
    return this.#installed ? movableNow : 'clock_timestamp()';
  }

  now(): Date {
    return new Date(this.#nowMs());
  }

  async advance(duration: Duration): Promise<void> {
    const byMs = durationMs(duration, 'the time to advance by');
    const { offsetMs, frozenAt } = this.#setting;
    await this.#move(
      frozenAt === undefined
        ? { offsetMs: offsetMs + byMs, frozenAt }
        : { offsetMs, frozenAt: new Date(frozenAt.getTime() + byMs) },
    );
  }

  async setTo(moment: Date): Promise<void> {
    await this.#requireNotBeforeEvents(moment);
    const { frozenAt } = this.#setting;
    await this.#move(
      frozenAt === undefined
        ? { offsetMs: moment.getTime() - this.#options.real.now(), frozenAt }
        : { offsetMs: 0, frozenAt: moment },
    );
  }

  async freeze(): Promise<void> {
    await this.#move({ offsetMs: 0, frozenAt: this.now() });
  }

  async unfreeze(): Promise<void> {
    const { frozenAt } = this.#setting;
    if (frozenAt === undefined) return;
    await this.#move({ offsetMs: frozenAt.getTime() - this.#options.real.now(), frozenAt: undefined });
  }

  /** Gives the database its own functions back, also those that a test run cut off left behind. */
  async reset(): Promise<void> {
    await removeMovableTime(this.#options.pool);
    this.#setting = realTime;
    this.#installed = false;
  }

  #nowMs(): number {
    return this.#setting.frozenAt?.getTime() ?? this.#options.real.now() + this.#setting.offsetMs;
  }

  async #move(setting: TimeSetting): Promise<void> {
    const { pool, onMoved } = this.#options;
    if (!this.#installed) await installMovableTime(pool);
    this.#installed = true;
    await setTime(pool, setting);
    this.#setting = setting;
    await onMoved();
  }

  /** A history whose times go back would tell a story that cannot have happened. */
  async #requireNotBeforeEvents(moment: Date): Promise<void> {
    if (Number.isNaN(moment.getTime())) throw noSuchTime('an invalid Date', 'Check how the Date was made');
    const { rows } = await this.#options.pool.query<{ last: Date | null }>(
      'select max(occurred_at) as last from taskledger.events where task_id is not null',
    );
    const last = rows[0]?.last;
    if (last === undefined || last === null || moment >= last) return;
    const remedy = `Set the clock before the first task is submitted, or to ${last.toISOString()} or later`;
    throw noSuchTime(`${moment.toISOString()}, before what was recorded at ${last.toISOString()}`, remedy);
  }
}

function noSuchTime(found: string, remedy: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: 'a time to set the test clock to, no earlier than the last event of a task',
    found,
    remedy,
  });
}
