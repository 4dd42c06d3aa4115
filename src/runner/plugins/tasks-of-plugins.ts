import rcompare from 'semver/functions/rcompare.js';
import type { TaskDefinition } from '../../ledger/define-task.ts';
import { definitionOf } from './handlers-of-plugin.ts';
import { InstalledPlugins } from './installed-plugins.ts';
import { pluginsInvalid } from './manifest-problem.ts';

/**
 * The definitions of the tasks that the plugins in these directories offer, by name, for who submits them: with the queue,
 * priority, retries, timeout and protection their manifests say. Of several versions the newest one speaks. Secrets are not
 * looked for.
 * @throws LedgerError TASKLEDGER_PLUGINS_INVALID naming every problem
 */
export async function tasksOfPlugins(...directories: readonly string[]): Promise<ReadonlyMap<string, TaskDefinition>> {
  const installed = new InstalledPlugins(directories, { secrets: false });
  const { problems } = await installed.read();
  if (problems.length > 0) throw pluginsInvalid(problems);
  const newestLast = [...installed.plugins].sort((a, b) => rcompare(b.version, a.version));
  return new Map(
    newestLast.flatMap(({ manifest }) =>
      Object.entries(manifest.tasks).map(([name, task]) => [name, definitionOf(name, task)] as const),
    ),
  );
}
