import type { Command } from 'commander';
import { requestChosen, requestingMatching, type MatchingOptions } from './request-matching.ts';

export function addRetry(program: Command): void {
  requestingMatching(program.command('retry'))
    .description('run failed, aborted or missed tasks again, with all their attempts and without their windows')
    .action((ids: string[], options: MatchingOptions) =>
      requestChosen(ids, options, {
        verb: 'retry',
        from: ['failed', 'aborted', 'missed'],
        ask: (ledger, id) => ledger.retry(id, { reason: options.reason }),
        granted: (state) => state === 'pending',
        says: (state) => (state === 'pending' ? 'ready to run again' : `refused: it is ${state}`),
      }),
    );
}
