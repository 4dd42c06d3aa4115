import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LedgerError } from '../errors.ts';
import type { Handler } from '../ledger/define-task.ts';
import { handlersOf } from '../runner/execute/handlers-module.ts';
import { offerTaskledger } from '../runner/execute/offer-taskledger.ts';

/**
 * The handlers that JavaScript modules export, under any name, alone or in arrays.
 * @throws LedgerError TASKLEDGER_HANDLERS_INVALID
 */
export async function loadHandlers(modules: readonly string[], cwd: string): Promise<Handler[]> {
  offerTaskledger();
  const handlers = new Map<string, { readonly handler: Handler; readonly module: string }>();
  for (const module of modules) {
    for (const handler of new Set(await handlersOf(fileOf(module, cwd)))) {
      const { name } = handler.definition;
      const other = handlers.get(name);
      if (other !== undefined && other.handler !== handler) throw twice(name, other.module, module);
      handlers.set(name, { handler, module });
    }
  }
  return [...handlers.values()].map(({ handler }) => handler);
}

/** A URL is taken as it is, a path from the current directory. */
function fileOf(module: string, cwd: string): string {
  return module.startsWith('file:') ? fileURLToPath(module) : resolve(cwd, module);
}

function twice(name: string, first: string, second: string): LedgerError {
  return new LedgerError('TASKLEDGER_HANDLERS_INVALID', {
    expected: 'one handler for each task name',
    found: `two for ${name}, ${first === second ? `in ${first}` : `in ${first} and ${second}`}`,
    remedy: 'Remove one, or give it another task name',
  });
}
