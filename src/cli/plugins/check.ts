import type { Command } from 'commander';
import { checkPlugins, type CheckedPlugin } from '../../runner/plugins/check-plugins.ts';
import { problemText } from '../../runner/plugins/manifest-problem.ts';
import { printable } from '../printable.ts';
import { renderTable } from '../render-table.ts';
import { exitStatus } from '../report-error.ts';
import { openTerminal, type Terminal } from '../terminal.ts';

interface CheckOptions {
  readonly json?: boolean;
  readonly secrets: boolean;
}

export function addPluginsCheck(plugins: Command): void {
  plugins
    .command('check')
    .description('whether the plugins in these directories can be run here, and what they offer; needs no database')
    .argument('<dir...>', 'a directory with a manifest, or with directories that have one')
    .option('--no-secrets', 'do not look for secrets, and load no code that may need them: for a machine that builds')
    .option('--json', 'print JSON, one object per line: each plugin, then each problem')
    .addHelpText(
      'after',
      `
Reads each taskledger.plugin.json, looks for the secrets it names, starts the runtime and loads every module and function, as a
runner would. It runs what modules do while they are loaded, and no task.

Exit status 0 when all can be run, 1 when there are problems, 2 when there is no manifest.`,
    )
    .action(check);
}

async function check(directories: string[], { json = false, secrets }: CheckOptions): Promise<void> {
  const terminal = openTerminal(json);
  const { plugins, problems } = await checkPlugins(directories, { secrets });
  if (problems.length > 0) process.exitCode = exitStatus.refused;
  if (json) {
    for (const plugin of plugins) terminal.object(pluginJson(plugin));
    for (const problem of problems) terminal.object({ problem });
    return;
  }
  if (plugins.length > 0) terminal.line(table(plugins, terminal));
  for (const problem of problems) terminal.line(terminal.colors.red(printable(problemText(problem))));
  if (problems.length === 0) terminal.line(terminal.colors.green('Every plugin can be run here.'));
}

function pluginJson({ plugin, usable }: CheckedPlugin): object {
  const { name, version, digest, file, manifest } = plugin;
  const tasks = Object.keys(manifest.tasks);
  return { plugin: name, version, runtime: manifest.runtime, file, digest, tasks, usable };
}

function table(plugins: readonly CheckedPlugin[], terminal: Terminal): string {
  const rows = plugins.map(({ plugin, usable }) => [
    printable(plugin.name),
    plugin.version,
    plugin.manifest.runtime,
    usable ? 'yes' : 'no',
    printable(Object.keys(plugin.manifest.tasks).join(', ')),
    printable(plugin.file),
  ]);
  return renderTable({ head: ['plugin', 'version', 'runtime', 'usable', 'tasks', 'manifest'], rows }, terminal);
}
