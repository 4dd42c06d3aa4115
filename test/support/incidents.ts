import type pg from 'pg';

/** Records an incident as a site does, in a transaction of its own; answers its seq. */
export async function raiseIncident(pool: pg.Pool, summary: string): Promise<string> {
  return await append(pool, 'incident.raised', { kind: 'root-mismatch', summary });
}

/** Records that the incident at this seq of the same site was dealt with. */
export async function closeIncident(pool: pg.Pool, seq: string, resolution?: string): Promise<void> {
  await append(pool, 'incident.closed', { incident: ['ams', seq], resolution });
}

async function append(pool: pg.Pool, type: string, data: object): Promise<string> {
  const { rows } = await pool.query<{ seq: string }>(
    `insert into taskledger.events (site, seq, realm, epoch, type, occurred_at, actor, data)
     values ('ams', nextval('taskledger.event_seq'), 'ams', 1, $1, clock_timestamp(), session_user, $2) returning seq::text`,
    [type, JSON.stringify(data)],
  );
  return rows[0]!.seq;
}
