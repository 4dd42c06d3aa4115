import type { Command } from 'commander';
import type { TaskStateName } from '../events/task-state.ts';
import { requestChosen, requestingMatching, type MatchingOptions } from './request-matching.ts';

export function addAbort(program: Command): void {
  requestingMatching(program.command('abort'))
    .description('ask for tasks to be aborted: at once if pending; a running one is told to stop')
    .action((ids: string[], options: MatchingOptions) =>
      requestChosen(ids, options, {
        verb: 'abort',
        from: ['pending', 'leased'],
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
