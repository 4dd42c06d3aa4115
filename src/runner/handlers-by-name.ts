import { LedgerError } from '../errors.ts';
import type { Handler } from '../ledger/define-task.ts';

/**
 * @param plugins where other handlers come from
 * @throws LedgerError TASKLEDGER_HANDLERS_INVALID when there is none, or two for one task name
 */
export function handlersByName(
  handlers: readonly Handler[],
  plugins: readonly string[] = [],
): ReadonlyMap<string, Handler> {
  const map = new Map<string, Handler>();
  for (const handler of handlers) {
    const { name } = handler.definition;
    if (map.has(name)) {
      throw new LedgerError('TASKLEDGER_HANDLERS_INVALID', {
        expected: 'one handler for each task name',
        found: `two for ${name}`,
        remedy: 'Remove one of them, or give it another task name',
      });
    }
    map.set(name, handler);
  }
  if (map.size + plugins.length > 0) return map;
  throw new LedgerError('TASKLEDGER_HANDLERS_INVALID', {
    expected: 'at least one handler, or a directory of plugins',
    found: 'none',
    remedy: 'Pass what definition.handle(…) returns, or plugins: [directory]',
  });
}
