import { systemClock } from '../../clock.ts';
import { defineTask } from '../../ledger/define-task.ts';

/** What the demo's runners handle. In your own program each of these would do its work instead of waiting a little. */

export const issueTicket = defineTask<{ seat: number }, { ticket: string }>({ name: 'tickets.issue' });

export const renderStatement = defineTask<{ customer: string; pages: number }, { file: string }>({
  name: 'statements.render',
});

export const fetchRates = defineTask<{ base: string }, { EUR: number; attempts: number }>({
  name: 'rates.fetch',
  retry: { attempts: 5, backoff: { kind: 'fixed', delay: '300ms' } },
});

export const buildReport = defineTask<{ year: number }>({ name: 'reports.build' });

/** Nobody handles these, so their window passes. */
export const sendReminder = defineTask<{ to: string }>({ name: 'reminders.send' });

/** Money: never started a second time on its own. Handled by a process of its own, see payment-handlers.ts. */
export const settlePayout = defineTask<{ payoutId: string }, { reference: string }>({
  name: 'payouts.settle',
  protected: true,
});

const pageMs = 260;

/** Small and many: they get a runner of their own. */
export const ticketHandlers = [
  issueTicket.handle(({ input }) => ({ ticket: `T-${String(input.seat).padStart(6, '0')}` })),
];

export const officeHandlers = [
  renderStatement.handle(async ({ input, progress, signal }) => {
    for (let page = 1; page <= input.pages; page += 1) {
      await systemClock.sleep(pageMs, signal);
      signal.throwIfAborted();
      await progress({ fraction: page / input.pages, message: `page ${page} of ${input.pages}` });
    }
    return { file: `statement-${input.customer}.pdf` };
  }),

  fetchRates.handle(({ attempt }) => {
    if (attempt < 3) throw new Error('502 Bad Gateway from the rate provider');
    return { EUR: 1.0834, attempts: attempt };
  }),

  buildReport.handle(async ({ signal }) => {
    await systemClock.sleep(3_600_000, signal);
    signal.throwIfAborted();
  }),
];
