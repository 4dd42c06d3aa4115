import type pg from 'pg';
import { rebuildOpenTasks } from '../../src/projections/open-tasks/rebuild-open-tasks.ts';

/** What a rebuild cannot know is left out: the newest report, when a doubt is asked about, who asks. */
const comparable = `task_id, case state when 'in_doubt' then null else run_at end as run_at, submitted_seq, submitted_site, start_before, deadline,
    version, lease_epoch, lease_version, attempt, attempts, priority, protected, state, realm, name, queue, rank, "group", pin,
    progress ->> 'recorded_at' as recorded_at, checkpoint::jsonb, abort_answers::jsonb,
    case state when 'leased' then claim_id end as claim_id`;

/**
 * Rebuilds the hot tables twice in a transaction that is rolled back: as they are, which must write nothing, and after
 * everything but the claims was deleted, which must give the same rows. Says what was otherwise.
 */
export async function differencesOfRebuild(pool: pg.Pool): Promise<string[]> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const written = Object.entries(await rebuildOpenTasks(client)).filter(([, rows]) => rows !== 0);
    await client.query(`
      create temp table kept on commit drop as select ${comparable} from taskledger.open_tasks;
      create temp table kept_keys on commit drop as select * from taskledger.task_keys;
      delete from taskledger.open_tasks;
      delete from taskledger.task_keys`);
    await rebuildOpenTasks(client);
    const { rows } = await client.query<{ row: string }>(`
      with made as (select ${comparable} from taskledger.open_tasks)
      select 'only before: ' || to_jsonb(o)::text as row from (table kept except table made) o
      union all select 'only rebuilt: ' || to_jsonb(n)::text from (table made except table kept) n
      union all select 'key only before: ' || to_jsonb(o)::text from (table kept_keys except table taskledger.task_keys) o
      union all select 'key only rebuilt: ' || to_jsonb(n)::text from (table taskledger.task_keys except table kept_keys) n`);
    return [...written.map(([what, count]) => `rebuild wrote ${what}: ${count}`), ...rows.map(({ row }) => row)];
  } finally {
    await client.query('rollback');
    client.release();
  }
}
