import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { MAX_PRIORITY, MIN_PRIORITY } from '../events/limits.ts';
import { LedgerError } from '../errors.ts';
import { requestEach, requesting, type RequestOptions } from './request-each.ts';
import { integer, momentOption } from './parse-options.ts';

interface RescheduleOptions extends RequestOptions {
  readonly startAfter?: Date;
  readonly priority?: number;
}

export function addReschedule(program: Command): void {
  requesting(program.command('reschedule'))
    .description('let pending tasks start at another time, or with another priority')
    .option(
      '--start-after <time>',
      'not before: a time, or 2h for in two hours',
      momentOption('--start-after', systemClock),
    )
    .option('--priority <n>', 'larger first, -100 to 100', integer('--priority', MIN_PRIORITY, MAX_PRIORITY))
    .action(async (ids: string[], options: RescheduleOptions) => {
      const { startAfter, priority, reason } = options;
      if (startAfter === undefined && priority === undefined) {
        throw new LedgerError('TASKLEDGER_USAGE', {
          expected: '--start-after, --priority or both',
          found: 'neither',
          remedy: 'Say what is to change',
        });
      }
      await requestEach(ids, options, {
        ask: (ledger, id) => ledger.reschedule(id, { startAfter, priority, reason }),
        granted: (state) => state === 'pending',
        says: (state) => (state === 'pending' ? 'rescheduled' : `refused: it is ${state}`),
      });
    });
}
