import { LedgerError } from '../errors.ts';
import type { Handler } from '../ledger/define-task.ts';
import { InstalledPlugins } from '../runner/plugins/installed-plugins.ts';
import type { RunnerOptions } from '../runner/runner.ts';
import { loadHandlers } from './load-handlers.ts';

/** What a command that runs tasks takes. */
export interface HandlerSources {
  readonly handlers?: readonly string[];
  readonly plugins?: readonly string[];
}

export const pluginsHelp = 'directories of plugins: each with a manifest, or with directories that have one';

/** What a runner is given of them; undefined for nothing. @throws LedgerError TASKLEDGER_HANDLERS_INVALID */
export async function handlerOptions({
  handlers = [],
  plugins = [],
}: HandlerSources): Promise<Pick<RunnerOptions, 'handlers' | 'plugins'> | undefined> {
  if (handlers.length + plugins.length === 0) return undefined;
  return { handlers: await loadHandlers(handlers, process.cwd()), plugins };
}

/** All of them, those of plugins as they are now; what is wrong with a manifest is for `plugins check` to say. */
export async function handlersIn({ handlers = [], plugins = [] }: HandlerSources): Promise<Handler[]> {
  const installed = new InstalledPlugins(plugins, { secrets: false });
  await installed.read();
  return [...(await loadHandlers(handlers, process.cwd())), ...installed.plugins.flatMap(({ handlers: own }) => own)];
}

/** @throws LedgerError TASKLEDGER_USAGE */
export function nothingToRun(): LedgerError {
  return new LedgerError('TASKLEDGER_USAGE', {
    expected: 'handlers to run',
    found: 'neither --handlers nor --plugins',
    remedy: 'Pass --handlers MODULE, --plugins DIR, or both',
  });
}
