import { runAppTransactions } from './app-transactions.ts';
import type { Chapter, Narrator } from './chapter.ts';
import type { DemoSite } from './demo-site.ts';
import { officeHandlers, ticketHandlers } from './demo-tasks.ts';
import { runKilledPayment } from './killed-payment.ts';
import { runManyTickets } from './many-tickets.ts';
import { runAbortedTask, runFailingTask, runLongTask, runMissedTask } from './single-tasks.ts';

export interface Story {
  readonly chapters: readonly Chapter[];
  /** The task worth reading. */
  readonly paymentId: string;
}

/** Everything that happens in the demo, most of it at the same time. */
export async function runStory(site: DemoSite, tickets: number, tell: Narrator): Promise<Story> {
  const { paymentId, chapter: rolledBack } = await runAppTransactions(site, tell);
  const runners = [
    site.ledger.runner({ handlers: ticketHandlers, name: 'box-office' }),
    site.ledger.runner({ handlers: officeHandlers, name: 'back-office' }),
  ];
  for (const runner of runners) {
    site.atClose.push(() => runner.stop(0));
    await runner.start();
  }
  const chapters = await Promise.all([
    runManyTickets(site, tickets, tell),
    runLongTask(site, tell),
    runFailingTask(site, tell),
    runAbortedTask(site, tell),
    runMissedTask(site, tell),
    runKilledPayment(site, paymentId, tell),
  ]);
  for (const runner of runners) await runner.stop();
  return { chapters: [...chapters, rolledBack], paymentId };
}
