import type { Command } from 'commander';
import { addPluginsCheck } from './check.ts';
import { addPluginsList } from './list.ts';

export function addPlugins(program: Command): void {
  const plugins = program.command('plugins').description('plugins: versioned bundles of tasks in any language');
  addPluginsCheck(plugins);
  addPluginsList(plugins);
}
