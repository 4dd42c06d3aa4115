import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { projectionService } from '../../src/daemon/projection-service.ts';
import { Supervised } from '../../src/daemon/supervised.ts';
import { addSiteKey } from '../../src/events/blocks/known-key.ts';
import { Sealer } from '../../src/events/blocks/sealer.ts';
import { temporarySiteKey } from '../../src/events/blocks/site-key.ts';
import { compareProjection } from '../../src/projections/compare-projection.ts';
import { projections as allProjections, type Projection } from '../../src/projections/projections.ts';
import { ProjectionLoop } from '../../src/projections/projection-loop.ts';
import { replay } from '../../src/projections/replay.ts';
import { createSignals, type Signals } from '../../src/signals.ts';
import { differencesFromFold } from '../support/folded/differences-from-fold.ts';
import { testLedger, type TestLedger } from '../support/ledger.ts';

interface Projector {
  start(): void;
  /** Everything there is. */
  readAll(): Promise<void>;
}

export interface ProjectingTest extends TestLedger {
  readonly signals: Signals;
  readonly sealer: Sealer;
  /** Seals until the test ends. */
  keepSealing(): void;
  /** What projects, as the daemon does; stopped when the test ends. Default all projections. */
  projector(projections?: readonly Projection[]): Projector;
  /** Seals and projects everything there is. */
  project(): Promise<void>;
  /** I4: where rows are not what a fold of the log says, nor what a replay from the first block comes to. */
  differences(): Promise<unknown[]>;
}

/** A ledger with a sealer and projectors, none of them started. */
export async function projectingTest(): Promise<ProjectingTest> {
  const t = await testLedger();
  const signals = createSignals();
  const key = temporarySiteKey();
  await addSiteKey(t.pool, key);
  const sealer = new Sealer({ connectionString: t.url, key, clock: systemClock, signals });
  const services: { stop(): Promise<void> }[] = [sealer];
  onTestFinished(async () => {
    await Promise.all(services.map((service) => service.stop()));
  });
  const around = { clock: systemClock, signals, random: () => 0 };
  const projector = (projections = allProjections): Projector => {
    const made = projections.map((projection) => {
      const loop = new ProjectionLoop({ projection, connectionString: t.url, signals });
      const service = projectionService({ projection, connectionString: t.url, signals });
      return { loop, supervised: new Supervised({ service, ...around }) };
    });
    services.push(...made.flatMap(({ loop, supervised }) => [loop, supervised]));
    return {
      start: () => made.forEach(({ supervised }) => supervised.start()),
      async readAll() {
        for (const { loop } of made) while ((await loop.runOnce()) > 0);
      },
    };
  };
  const own = projector();
  const keepSealing = (): void => {
    const supervised = new Supervised({ service: sealer, ...around });
    services.unshift(supervised);
    supervised.start();
  };
  return {
    ...t,
    signals,
    sealer,
    keepSealing,
    projector,
    async project() {
      await sealer.runOnce();
      await own.readAll();
    },
    differences: () => differences(t),
  };
}

async function differences({ pool }: TestLedger): Promise<unknown[]> {
  const found: unknown[] = await differencesFromFold(pool);
  for await (const difference of compareProjection(pool)) found.push(difference);
  const session = await pool.connect();
  try {
    for await (const { projection, difference } of replay(session)) {
      if (difference !== null) found.push({ projection, ...difference });
    }
  } finally {
    session.release();
  }
  return found;
}
