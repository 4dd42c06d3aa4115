import type { Position } from '../../events/position.ts';
import type { DemoSite } from './demo-site.ts';

interface Trigger {
  readonly name: string;
  readonly always: boolean;
}

/**
 * What only a superuser can do, and what blocks are for: rewrites the stored data of one event, past the triggers.
 * @returns the text as it was
 */
export async function rewriteEvent(
  app: DemoSite['app'],
  { site, seq }: Position,
  change: (text: string) => string,
): Promise<string> {
  const stream = `taskledger."events_${site.replaceAll('-', '_')}"`;
  const tx = await app.connect();
  try {
    await tx.query('begin');
    const triggers = await tx.query<Trigger>(
      `select quote_ident(tgname) as name, tgenabled = 'A' as always from pg_trigger where tgrelid = $1::regclass and not tgisinternal`,
      [stream],
    );
    const { rows } = await tx.query<{ data: string }>(`select data::text from ${stream} where seq = $1`, [seq]);
    const original = rows[0]?.data ?? '';
    await tx.query(`alter table ${stream} disable trigger user`);
    await tx.query(`update ${stream} set data = $2::json where seq = $1`, [seq, change(original)]);
    for (const { name, always } of triggers.rows) {
      await tx.query(`alter table ${stream} enable ${always ? 'always ' : ''}trigger ${name}`);
    }
    await tx.query('commit');
    return original;
  } finally {
    tx.release();
  }
}
