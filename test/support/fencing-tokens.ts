import type { TestLedger } from './ledger.ts';

/** I2: the fencing tokens of every task, in the order they were recorded, strictly increase. Answers those that do not. */
export async function tokensThatDoNotIncrease({ pool }: Pick<TestLedger, 'pool'>): Promise<unknown[]> {
  const { rows } = await pool.query(
    `select task_id, token, before from (
       select task_id, array[epoch, version] as token, lag(array[epoch, version]) over (partition by task_id order by seq) as before
         from taskledger.events where type = 'task.leased') t
      where token <= before`,
  );
  return rows as unknown[];
}
