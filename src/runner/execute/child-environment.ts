import { inheritedEnvironment } from '../../config.ts';
import type { ProcessIsolation } from '../../ledger/isolation.ts';
import { markVariable } from './process-tree.ts';

/** What programs need to find their way around; everything else a handler has to ask for by name. */
const alwaysPassed = ['PATH', 'HOME', 'TZ', 'LANG', 'NODE_ENV'] as const;

/**
 * The environment of a child. Never the runner's: it holds the ledger's URL, and whatever else somebody exported.
 * @param mark by which the processes of the attempt are found, see `process-tree.ts`
 */
export function childEnvironment(
  { env = [] }: ProcessIsolation,
  { directory, mark }: { readonly directory: string; readonly mark: string },
): NodeJS.ProcessEnv {
  return { ...inheritedEnvironment([...alwaysPassed, ...env]), TMPDIR: directory, [markVariable]: mark };
}
