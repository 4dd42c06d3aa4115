import type { Command } from 'commander';
import { requestEach, requesting, type RequestOptions } from './request-each.ts';

export function addRetry(program: Command): void {
  requesting(program.command('retry'))
    .description('run failed, aborted or missed tasks again, with all their attempts and without their windows')
    .action((ids: string[], options: RequestOptions) =>
      requestEach(ids, options, {
        ask: (ledger, id) => ledger.retry(id, { reason: options.reason }),
        granted: (state) => state === 'pending',
        says: (state) => (state === 'pending' ? 'ready to run again' : `refused: it is ${state}`),
      }),
    );
}
