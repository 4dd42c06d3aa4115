/** What the ledger computes from its blocks. */
export interface Projection {
  readonly name: 'tasks' | 'attempts' | 'queue_minutes' | 'incidents';
  /** Raised whenever its rows are to be made anew: the projector then fills the other slot and switches. */
  readonly version: number;
  /** SQL, of slot, site, first and last block; answers the events it read, null when another projector had. */
  readonly project: `taskledger.project_${string}`;
  /** The tables of its rows and their keys (without the slot), for comparing one slot with the other. */
  readonly tables: Readonly<Record<string, string>>;
}

export const projections: readonly Projection[] = [
  {
    name: 'tasks',
    version: 1,
    project: 'taskledger.project_tasks',
    tables: { task_rows: 'task_id', task_state_rows: 'task_id' },
  },
  {
    name: 'attempts',
    version: 1,
    project: 'taskledger.project_attempts',
    tables: { attempt_rows: 'task_id, epoch, version' },
  },
  {
    name: 'queue_minutes',
    version: 1,
    project: 'taskledger.project_queue_minutes',
    tables: {
      queue_minute_rows: 'queue, name, minute',
      queue_duration_rows: 'queue, name, minute, what, bucket',
    },
  },
  {
    name: 'incidents',
    version: 1,
    project: 'taskledger.project_incidents',
    tables: { incident_rows: 'site, seq' },
  },
];
