import { ProjectionLoop, type ProjectionLoopOptions } from '../projections/projection-loop.ts';
import type { Service } from './service.ts';

/** While blocks come in. */
const busyMs = 50;
/** When none came for a while. Four projections look, each on a connection of its own. */
const idleMs = 200;
/** So many looks without a block make it idle. */
const idleLooks = 40;

/** One projection as a service of the daemon: a step at a time, without a pause while it is behind. */
export function projectionService(options: ProjectionLoopOptions): Service {
  const loop = new ProjectionLoop(options);
  let isBehind = false;
  let looksWithoutBlocks = 0;
  return {
    name: `project ${options.projection.name}`,
    get everyMs() {
      if (isBehind) return 0;
      return looksWithoutBlocks < idleLooks ? busyMs : idleMs;
    },
    async runOnce() {
      isBehind = false;
      try {
        const events = await loop.runOnce();
        isBehind = events > 0;
        looksWithoutBlocks = isBehind ? 0 : looksWithoutBlocks + 1;
      } catch (error) {
        // A new session for the next run: the old one may not be there any more.
        await loop.stop();
        throw error;
      }
    },
    stop: () => loop.stop(),
  };
}
