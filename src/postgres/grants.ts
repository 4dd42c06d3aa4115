/**
 * Who may do what. Every write goes through a SQL function that checks it, so no role has insert, update or delete on
 * any table; what each role may read or execute is listed here and nowhere else.
 */
export interface RoleGrants {
  readonly execute: readonly string[];
  /** Columns by table; `*` for all of them. */
  readonly select: Readonly<Record<string, readonly string[] | '*'>>;
}

const submits = ['submit', 'submit_many', 'schema_status'];
const runs = ['claim', 'settle', 'renew', 'report_progress', 'sweep', 'arm_doorbell', 'schema_status'];
const operates = ['request_abort', 'request_retry', 'request_reschedule', 'resolve'];
// Named one by one: a secret added to the table later stays out of sight.
const claims = ['claim_id', 'lease_until', 'heartbeat_at', 'ttl_ms', 'runner', 'host', 'open', 'task_ids'];

export const roleGrants = {
  taskledger_submitter: { execute: submits, select: {} },
  taskledger_runner: { execute: runs, select: {} },
  taskledger_auditor: {
    execute: ['schema_status'],
    select: { events: '*', open_tasks: '*', site: '*', realms: '*', claims, tasks: '*', task_history: '*' },
  },
  taskledger_operator: { execute: [...new Set([...submits, ...runs, ...operates])], select: {} },
  taskledger_daemon: { execute: ['schema_status', 'renew', 'sweep'], select: {} },
} as const satisfies Readonly<Record<`taskledger_${string}`, RoleGrants>>;
