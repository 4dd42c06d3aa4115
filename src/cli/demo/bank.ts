import type { DemoSite } from './demo-site.ts';

export function bankReference(payoutId: string): string {
  return `BANK-${payoutId.replace(/\D/g, '')}-7F3A`;
}

/** What the bank says of a payout: the references of its transfers. Two would mean it was paid twice. */
export async function askBank({ app }: DemoSite, payoutId: string): Promise<string[]> {
  const { rows } = await app.query<{ reference: string }>('select reference from bank_transfers where payout_id = $1', [
    payoutId,
  ]);
  return rows.map((row) => row.reference);
}
