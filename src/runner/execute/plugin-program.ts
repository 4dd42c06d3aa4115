import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PluginProgram } from '../../ledger/plugin-program.ts';
import { pluginEnvironment } from './child-environment.ts';
import type { ChildProgram, SpeakingProgram } from './child-program.ts';
import type { ChildEntry, PythonEntry } from './messages.ts';
import { moduleChildFile, moduleEntry } from './module-child.ts';

/** The program that runs functions of Python modules in a child process; it brings what it needs along. */
const pythonChildFile = fileURLToPath(new URL('../../../runtimes/python/child.py', import.meta.url));

/** What is started for attempts of a plugin's task. */
export function pluginProgram(plugin: PluginProgram, graceMs: number): ChildProgram | SpeakingProgram {
  const { runtime, digest } = plugin;
  if (runtime === 'exec') return { ...started(plugin), graceMs };
  return runtime === 'node'
    ? { ...started(plugin, process.execPath, moduleChildFile), graceMs, digest, entry: entryOfModule(plugin) }
    : { ...started(plugin, 'python3', pythonChildFile), graceMs, digest, entry: entryOfPython(plugin) };
}

/** A program named by a path lies in the plugin's directory, any other on the PATH. */
function started(
  { command, directory, env }: PluginProgram,
  otherwise = '',
  ...program: readonly string[]
): Pick<ChildProgram, 'file' | 'args' | 'env'> {
  const [name = otherwise, ...args] = command;
  const file = name.includes('/') ? path.resolve(directory, name) : name;
  return { file, args: [...args, ...program], env: pluginEnvironment(env) };
}

function entryOfModule({ function: name = '', directory }: PluginProgram): ChildEntry {
  const [module = '', exported = ''] = name.split('#');
  return moduleEntry(path.resolve(directory, module), exported);
}

function entryOfPython({ function: name = '', path: paths, directory }: PluginProgram): PythonEntry {
  return { function: name, path: paths.map((one) => path.resolve(directory, one)) };
}
