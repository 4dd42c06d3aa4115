import { defineTask, type Handler, type RetryOptions, type TaskDefinition } from '../../ledger/define-task.ts';
import type { Duration } from '../../ledger/duration.ts';
import type { ChildLimits, LimitOptions } from '../../ledger/child-limits.ts';
import { poolRanges, type ChildIsolation, type PoolLimits } from '../../ledger/isolation.ts';
import type { PluginProgram } from '../../ledger/plugin-program.ts';
import type { ManifestTask } from './manifest-schema.ts';
import type { PluginEnvironment } from './plugin-environment.ts';
import type { Plugin } from './read-manifest.ts';

/** What runs the tasks of a plugin. The manifest was checked. */
export function handlersOfPlugin(plugin: Plugin, env: PluginEnvironment): Handler[] {
  const { name, version, digest, manifest } = plugin;
  return Object.entries(manifest.tasks).map(([task, told]) => ({
    kind: 'taskledger.handler',
    definition: definitionOf(task, told),
    run: () => {
      throw new Error(`expected ${task} of plugin ${name} to be run by its program`);
    },
    isolation: isolationOf(told, programOf(plugin, told, env)),
    plugin: { name, version, digest },
  }));
}

/** The definition of a task in a manifest, for who submits it. */
export function definitionOf(name: string, task: ManifestTask): TaskDefinition {
  const { queue, priority, retry, timeout } = task;
  return defineTask({
    name,
    ...(queue === undefined ? {} : { queue }),
    ...(priority === undefined ? {} : { priority }),
    ...(retry === undefined ? {} : { retry: retry as RetryOptions }),
    ...(timeout === undefined ? {} : { timeout: timeout as Duration }),
    ...(task.protected === true ? { protected: true } : {}),
  });
}

function programOf({ manifest, directory, digest }: Plugin, task: ManifestTask, env: PluginEnvironment): PluginProgram {
  const { runtime, path = ['.'] } = manifest;
  const command = task.command ?? manifest.command ?? [];
  const called = task.function === undefined ? {} : { function: task.function };
  return { runtime, command, path, ...called, env, directory, digest };
}

function isolationOf(task: ManifestTask, program: PluginProgram): ChildIsolation {
  const { isolation = 'process', graceMs, limits } = task;
  const both = {
    program,
    ...(graceMs === undefined ? {} : { graceMs }),
    ...(limits === undefined ? {} : { limits: limitOptions(limits) }),
  };
  if (isolation === 'process') return { isolation, ...both };
  const names = Object.keys(poolRanges) as (keyof PoolLimits)[];
  const ofPool = names.flatMap((name) => (task[name] === undefined ? [] : [[name, task[name]] as const]));
  return { isolation, ...both, ...Object.fromEntries(ofPool) };
}

/** Numbers mean milliseconds and bytes there. */
function limitOptions({ cpuMs, memoryBytes, outputBytes, diskBytes, ...rest }: ChildLimits): LimitOptions {
  const given = { ...rest, cpu: cpuMs, memory: memoryBytes, output: outputBytes, disk: diskBytes };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
