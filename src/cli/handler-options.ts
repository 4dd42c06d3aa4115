import { LedgerError } from '../errors.ts';
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

/** @throws LedgerError TASKLEDGER_USAGE */
export function nothingToRun(): LedgerError {
  return new LedgerError('TASKLEDGER_USAGE', {
    expected: 'handlers to run',
    found: 'neither --handlers nor --plugins',
    remedy: 'Pass --handlers MODULE, --plugins DIR, or both',
  });
}
