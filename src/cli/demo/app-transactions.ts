import { LedgerError } from '../../errors.ts';
import type { Chapter, Narrator } from './chapter.ts';
import type { DemoSite } from './demo-site.ts';
import { settlePayout } from './demo-tasks.ts';

export const paidPayout = 'P-1001';
const forgottenPayout = 'P-1002';

/** The app stores a payout and its task in one transaction: one commits, one rolls back and leaves neither. */
export async function runAppTransactions(
  site: DemoSite,
  tell: Narrator,
): Promise<{ paymentId: string; chapter: Chapter }> {
  const paymentId = await storePayout(site, paidPayout, 'commit');
  tell(`The app stored payout ${paidPayout} and its task in one transaction, and committed.`);
  const forgottenId = await storePayout(site, forgottenPayout, 'rollback');
  const { rows } = await site.app.query('select from payouts where id = $1', [forgottenPayout]);
  const left = rows.length + ((await exists(site, forgottenId)) ? 1 : 0);
  tell(
    `It did the same with ${forgottenPayout}, and rolled back: ${left === 0 ? 'neither is there' : 'SOMETHING IS LEFT'}.`,
  );
  const note = left === 0 ? 'the app rolled back: no row, no task, no event' : 'something was left behind';
  return { paymentId, chapter: { what: `Payout ${forgottenPayout}`, tasks: 0, state: 'no task', note } };
}

async function storePayout({ app, ledger }: DemoSite, id: string, end: 'commit' | 'rollback'): Promise<string> {
  const tx = await app.connect();
  try {
    await tx.query('begin');
    await tx.query('insert into payouts values ($1, $2, $3)', [id, 125_00, 'NL91ABNA0417164300']);
    const task = await ledger.submit(settlePayout, { payoutId: id }, { tx, key: id });
    await tx.query(end);
    return task.id;
  } finally {
    tx.release();
  }
}

async function exists({ ledger }: DemoSite, id: string): Promise<boolean> {
  try {
    await ledger.get(id);
    return true;
  } catch (error) {
    if (error instanceof LedgerError && error.code === 'TASKLEDGER_NOT_FOUND') return false;
    throw error;
  }
}
