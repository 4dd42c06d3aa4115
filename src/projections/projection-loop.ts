import { errorCodeOf } from '../errors.ts';
import { connectForOneService, type ServiceConnection } from '../postgres/service-connection.ts';
import type { Signals } from '../signals.ts';
import type { Projection } from './projections.ts';
import { MAX_STEP_EVENTS, nextSteps, projectStep, projectTogether, type Projected, type Step } from './project-next.ts';

export interface ProjectionLoopOptions {
  readonly projection: Projection;
  readonly connectionString: string;
  readonly signals: Signals;
}

/** After a step that failed together, before the next one is tried together. */
const stepsAlone = 20;
/** A crash may take the last steps with it, rows and cursor alike: they are read again. Nobody need wait for the disk. */
const sessionSettings = 'set synchronous_commit = off';

/**
 * Keeps one projection up to date, on a connection of its own: whoever runs it calls `runOnce` again and again. Whichever loop
 * comes first reads a step for all projections that stand at the same block. A block it cannot read stops one projection alone:
 * the signal `projection.failed` names the block, and the next run tries it again. It is never passed over.
 */
export class ProjectionLoop {
  readonly #options: ProjectionLoopOptions;
  #connection: ServiceConnection | undefined;
  #building = false;
  /** The slot that is filled has statistics. */
  #analyzed = false;
  #leftSlot: string | undefined;
  /** One block at a time after a failure, to come as near to the bad one as possible and to name it. */
  #maxEvents = MAX_STEP_EVENTS;
  #stepsAlone = 0;

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

  /** The events read, 0 when another projector had read them. */
  async #read(connection: ServiceConnection, step: Step): Promise<number> {
    const projected = (await this.#readTogether(connection, step)) ?? (await this.#readAlone(connection, step));
    for (const { projection, events } of projected) {
      this.#options.signals.emit('projection.advanced', {
        projection,
        stream: step.site,
        slot: step.slot,
        block: step.to_block,
        events,
        lagMs: Math.round(step.lag_ms),
      });
    }
    return projected[0]?.events ?? 0;
  }

  /** Undefined when this projection is to go alone: nothing is beside it, or one of those beside it fails. */
  async #readTogether(connection: ServiceConnection, step: Step): Promise<Projected[] | undefined> {
    if (step.beside.length === 0) return undefined;
    if (this.#stepsAlone > 0) {
      this.#stepsAlone -= 1;
      return undefined;
    }
    const { projection } = this.#options;
    for (const name of [projection.name, ...step.beside]) this.#tellBegun(name, step);
    try {
      return await projectTogether(connection, projection, step);
    } catch (error) {
      this.#stepsAlone = stepsAlone;
      if (endsSession(error)) {
        this.#tellFailed(step, error);
        throw error;
      }
      // Whose fault it is shows when each goes alone: all but that one get on, and that one tells.
      return undefined;
    }
  }

  async #readAlone(connection: ServiceConnection, step: Step): Promise<Projected[]> {
    const { projection } = this.#options;
    this.#tellBegun(projection.name, step);
    try {
      const events = await projectStep(connection, projection, step);
      return events === null ? [] : [{ projection: projection.name, events }];
    } catch (error) {
      this.#tellFailed(step, error);
      throw error;
    }
  }

  #tellFailed(step: Step, error: unknown): void {
    const { projection, signals } = this.#options;
    const isOneBlock = step.from_block === step.to_block;
    this.#maxEvents = 1;
    signals.emit('projection.failed', {
      projection: projection.name,
      stream: step.site,
      block: step.from_block,
      ...(isOneBlock ? {} : { toBlock: step.to_block }),
      code: errorCodeOf(error),
      reason: error instanceof Error ? error.message.slice(0, 500) : 'no error',
    });
  }

  #tellBegun(projection: string, step: Step): void {
    this.#options.signals.emit('projection.begun', {
      projection,
      slot: step.slot,
      stream: step.site,
      block: step.from_block,
      toBlock: step.to_block,
    });
  }

  /** Switches when the other slot has caught up and was analyzed, then empties the one that was left, as soon as no query holds it. */
  async #finishRebuild(connection: ServiceConnection): Promise<void> {
    const { projection, signals } = this.#options;
    if (this.#building) {
      this.#analyzed ||= await this.#analyzeSlot(connection);
      if (!this.#analyzed) return;
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

  /** Long before the switch it would be of rows that are not there yet, so not before they have caught up once. */
  async #analyzeSlot(connection: ServiceConnection): Promise<boolean> {
    const { rows } = await connection.query('select taskledger.analyze_slot($1) as analyzed', [
      this.#options.projection.name,
    ]);
    return (rows[0] as { analyzed: boolean }).analyzed;
  }

  async #connect(): Promise<ServiceConnection> {
    if (this.#connection?.ended === false) return this.#connection;
    const { connectionString, projection } = this.#options;
    this.#connection = await connectForOneService(connectionString, `taskledger projector ${projection.name}`);
    await this.#connection.query(sessionSettings, []);
    const { rows } = await this.#connection.query('select * from taskledger.begin_projection($1, $2)', [
      projection.name,
      projection.version,
    ]);
    const { building, left_slot } = rows[0] as { building: boolean; left_slot: string | null };
    this.#building = building;
    this.#analyzed = false;
    this.#leftSlot = left_slot ?? undefined;
    return this.#connection;
  }
}

/** Whether nothing more can be asked of the connection: it was lost, or the server ended it. */
function endsSession(error: unknown): boolean {
  const { severity, code } = error as { severity?: string; code?: string };
  return severity === undefined || code?.startsWith('57P') === true;
}
