import type { Command } from 'commander';
import type { TaskStateName } from '../events/task-state.ts';
import { requestEach, requesting, type RequestOptions } from './request-each.ts';

export function addAbort(program: Command): void {
  requesting(program.command('abort'))
    .description('ask for tasks to be aborted: at once if pending; a running one is told to stop')
    .action((ids: string[], options: RequestOptions) =>
      requestEach(ids, options, {
        ask: (ledger, id) => ledger.abort(id, { reason: options.reason }),
        granted: (state) => state === 'aborted' || state === 'leased',
        says,
      }),
    );
}

function says(state: TaskStateName): string {
  if (state === 'aborted') return 'aborted';
  return state === 'leased' ? 'asked to stop; its runner has been told' : `refused: it is ${state}`;
}
