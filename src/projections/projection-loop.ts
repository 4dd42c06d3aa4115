import { errorCodeOf } from '../errors.ts';
import { connectForOneService, type ServiceConnection } from '../postgres/service-connection.ts';
import type { Signals } from '../signals.ts';
import type { Projection } from './projections.ts';
import { MAX_STEP_EVENTS, nextSteps, projectStep, type Step } from './project-next.ts';

export interface ProjectionLoopOptions {
  readonly projection: Projection;
  readonly connectionString: string;
  readonly signals: Signals;
}

/**
 * Keeps one projection up to date, on a connection of its own: whoever runs it calls `runOnce` again and again. A block it
 * cannot read stops it alone: the signal `projection.failed` names the block, and the next run tries it again. It is never
 * passed over.
 */
export class ProjectionLoop {
  readonly #options: ProjectionLoopOptions;
  #connection: ServiceConnection | undefined;
  #building = false;
  #leftSlot: string | undefined;
  /** One block at a time after a failure, to come as near to the bad one as possible and to name it. */
  #maxEvents = MAX_STEP_EVENTS;

  constructor(options: ProjectionLoopOptions) {
    this.#options = options;
  }

  /** Leaves the connection; the next run makes another. */
  async stop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /**
   * One step of every slot and stream that has one. Answers the events read, 0 when there was nothing.
   * @throws whatever pg throws, after the signal `projection.failed`
   */
  async runOnce(): Promise<number> {
    const { projection } = this.#options;
    const connection = await this.#connect();
    let events = 0;
    for (const step of await nextSteps(connection, projection, this.#maxEvents)) {
      this.#building ||= step.building;
      events += await this.#read(connection, step);
    }
    this.#maxEvents = MAX_STEP_EVENTS;
    await this.#finishRebuild(connection);
    return events;
  }

  async #read(connection: ServiceConnection, step: Step): Promise<number> {
    const { projection, signals } = this.#options;
    let events: number | null;
    try {
      events = await projectStep(connection, projection, step);
    } catch (error) {
      const isOneBlock = step.from_block === step.to_block;
      this.#maxEvents = 1;
      signals.emit('projection.failed', {
        projection: projection.name,
        site: step.site,
        block: step.from_block,
        ...(isOneBlock ? {} : { toBlock: step.to_block }),
        code: errorCodeOf(error),
        reason: error instanceof Error ? error.message.slice(0, 500) : 'no error',
      });
      throw error;
    }
    if (events === null) return 0;
    signals.emit('projection.advanced', {
      projection: projection.name,
      site: step.site,
      slot: step.slot,
      block: step.to_block,
      events,
      lagMs: Math.round(step.lag_ms),
    });
    return events;
  }

  /** Switches when the other slot has caught up, then empties the one that was left, as soon as no query holds it. */
  async #finishRebuild(connection: ServiceConnection): Promise<void> {
    const { projection, signals } = this.#options;
    if (this.#building) {
      const { rows } = await connection.query('select taskledger.switch_projection($1) as left_slot', [
        projection.name,
      ]);
      const { left_slot } = rows[0] as { left_slot: string | null };
      if (left_slot === null) return;
      this.#building = false;
      this.#leftSlot = left_slot;
      signals.emit('projection.switched', { projection: projection.name });
    }
    if (this.#leftSlot === undefined) return;
    const values = [projection.name, this.#leftSlot];
    const { rows } = await connection.query('select taskledger.empty_slot($1, $2) as emptied', values);
    if ((rows[0] as { emptied: boolean }).emptied) this.#leftSlot = undefined;
  }

  async #connect(): Promise<ServiceConnection> {
    if (this.#connection?.ended === false) return this.#connection;
    const { connectionString, projection } = this.#options;
    this.#connection = await connectForOneService(connectionString, `taskledger projector ${projection.name}`);
    const { rows } = await this.#connection.query('select * from taskledger.begin_projection($1, $2)', [
      projection.name,
      projection.version,
    ]);
    const { building, left_slot } = rows[0] as { building: boolean; left_slot: string | null };
    this.#building = building;
    this.#leftSlot = left_slot ?? undefined;
    return this.#connection;
  }
}
