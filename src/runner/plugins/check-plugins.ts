import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { readConfig } from '../../config.ts';
import { LedgerError } from '../../errors.ts';
import { findManifests } from './find-manifests.ts';
import { InstalledPlugins, type InstalledPlugin } from './installed-plugins.ts';
import { loadProblems } from './load-problems.ts';
import { pathText, type ManifestProblem } from './manifest-problem.ts';

/** A plugin whose manifest is right. */
export interface CheckedPlugin {
  readonly plugin: InstalledPlugin;
  /** Whether its programs and functions are there, too. */
  readonly usable: boolean;
}

/**
 * Whether plugins can be run here: reads manifests and secrets, and loads what they name in their own runtimes.
 * @throws LedgerError TASKLEDGER_PLUGINS_INVALID when a directory is not there or has no manifest
 */
export async function checkPlugins(
  directories: readonly string[],
  { secrets }: { readonly secrets: boolean },
): Promise<{ readonly plugins: readonly CheckedPlugin[]; readonly problems: readonly ManifestProblem[] }> {
  for (const directory of directories) await requireManifests(directory);
  const installed = new InstalledPlugins(directories, { secrets });
  const { problems } = await installed.read();
  const checked = await Promise.all(
    installed.plugins.map(async (plugin) => ({ plugin, problems: await problemsWith(plugin, secrets) })),
  );
  return {
    plugins: checked.map(({ plugin, problems: wrong }) => ({ plugin, usable: wrong.length === 0 })),
    problems: [...problems, ...checked.flatMap(({ problems: wrong }) => wrong)],
  };
}

async function requireManifests(directory: string): Promise<void> {
  if ((await findManifests(directory)).length > 0) return;
  throw new LedgerError('TASKLEDGER_PLUGINS_INVALID', {
    expected: `a taskledger.plugin.json in ${resolve(directory)}, or in a directory in it`,
    found: 'none',
    remedy: 'Name the directory of a plugin, or one that holds plugins',
  });
}

async function problemsWith(plugin: InstalledPlugin, load: boolean): Promise<ManifestProblem[]> {
  const programs = await programProblems(plugin);
  return programs.length > 0 || !load ? programs : await loadProblems(plugin);
}

/** The programs it names: of the plugin, and of tasks that have their own. */
async function programProblems({ file, directory, manifest }: InstalledPlugin): Promise<ManifestProblem[]> {
  const { command, tasks } = manifest;
  const ofTasks = Object.entries(tasks).map(([name, task]) => [['tasks', name, 'command'], task.command] as const);
  const commands = [[['command'], command] as const, ...ofTasks];
  const problems = commands.map(async ([path, given]) => {
    const [program] = given ?? [];
    if (program === undefined || (await isProgram(program, directory))) return [];
    const expected = 'a program this user can execute';
    const found = `${JSON.stringify(program)}, which is none${program.includes('/') ? '' : ' in PATH'}`;
    return [{ file, path: pathText([...path, 0]), expected, found, remedy: 'Correct it, or install the program' }];
  });
  return (await Promise.all(problems)).flat();
}

async function isProgram(program: string, directory: string): Promise<boolean> {
  const places = program.includes('/')
    ? [resolve(directory, program)]
    : readConfig('PATH')
        .split(delimiter)
        .map((place) => join(place, program));
  return (await Promise.all(places.map(isExecutable))).includes(true);
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
