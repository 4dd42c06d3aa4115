/**
 * Who may do what. Every write goes through a SQL function that checks it, so no role has insert, update or delete on
 * any table; what each role may read or execute is listed here and nowhere else. `migrate` makes the database equal to
 * this list, and docs/reference/roles.md is written from it.
 *
 * Roles are put together: a user who is to submit and to look at results is granted two of them.
 */
export interface RoleGrants {
  /** Whose work it is. One sentence for the reference page. */
  readonly work: string;
  /** Functions, all forms of each. */
  readonly execute: readonly string[];
  /** Columns by table or view; `*` for all of them. */
  readonly select: Readonly<Record<string, readonly string[] | '*'>>;
}

// Named one by one: a secret added to the table later stays out of sight.
const claims = ['claim_id', 'lease_until', 'heartbeat_at', 'ttl_ms', 'runner', 'host', 'open', 'task_ids'];
const doubts = ['task_id', 'realm', 'name', 'ask_at', 'asked', 'runner', 'last_reason'];
const reads = {
  events: '*',
  blocks: '*',
  site_keys: '*',
  // What verify needs to tell events that are not sealed yet from those put into the past.
  sealing: '*',
  open_tasks: '*',
  site: '*',
  realms: '*',
  streams: '*',
  // How to reach a peer is a secret.
  peers: ['site', 'id', 'transport', 'added_at'],
  proofs: '*',
  quarantine: '*',
  faults: '*',
  repairs: '*',
  link_states: '*',
  request_cursors: '*',
  claims,
  rules: '*',
  places: '*',
  doubts,
  tasks: '*',
  task_history: '*',
  projections: '*',
  cursors: '*',
  projected_tasks: '*',
  task_states: '*',
  attempts: '*',
  queue_minutes: '*',
  queue_durations: '*',
  incidents: '*',
} as const;

/** What reading blocks into the slots of projections takes: for the daemon always, for an operator in a replay. */
const replaying = ['next_blocks', 'project_tasks', 'project_attempts', 'project_queue_minutes', 'project_incidents'];
/** Who takes tasks, and which of them nobody takes. */
const lookingWhoRuns = ['offered', 'plugin_problems', 'waiting_kinds'];
/** Keeping a site and its peers equal, and proving that they are. */
const replicating = [
  'peer_links',
  'site_identity',
  'stream_heads',
  'subscribe',
  'unsubscribe',
  'ensure_stream',
  'close_gate',
  'receive_events',
  'receive_blocks',
  'receive_marks',
  'record_proof',
  'record_link',
  'raise_incident',
  'unheard_streams',
  'answer_requests',
  'halt_stream',
  'resume_stream',
  'report_fault',
  'clear_fault',
  'report_quarantine',
  'repair_block',
  'repair_events',
  'extra_events',
  'finish_repair',
  'begin_recovery',
  'give_up_blocks',
  'take_back_events',
  'end_recovery',
];
/** Both slots of every projection, to compare what a replay made with what is live. */
const slots = {
  task_rows: '*',
  task_state_rows: '*',
  attempt_rows: '*',
  queue_minute_rows: '*',
  queue_duration_rows: '*',
  incident_rows: '*',
} as const;

export const roleGrants = {
  taskledger_submitter: {
    work: 'Applications: record tasks, in their own transactions.',
    execute: ['schema_status', 'submit', 'submit_many', 'leaves', 'offered'],
    select: {},
  },
  taskledger_runner: {
    work: 'Runners: lease tasks, keep the leases, report progress, record outcomes, ask verify handlers, end what time made due.',
    execute: [
      'schema_status',
      ...[
        'claim',
        'present_pins',
        'recall_claims',
        'settle',
        'renew',
        'report_progress',
        'report_log',
        'take_doubts',
        'answer_doubt',
        'sweep',
        'arm_doorbell',
        'announce_offers',
      ],
    ],
    select: {},
  },
  taskledger_auditor: {
    work: 'Whoever looks back: `get`, `history`, `list`, `result`, `show`. Reads everything but lease secrets, and what a running attempt logs. Writes nothing but that it watches.',
    execute: [
      'schema_status',
      'sealed_head',
      'site_identity',
      'stream_heads',
      'leaves',
      'watch_task',
      ...lookingWhoRuns,
    ],
    select: reads,
  },
  taskledger_operator: {
    work: 'People who intervene: abort, retry, reschedule, resolve, set rules for queues, rebuild, make site keys known, add and remove sites. They see what an auditor sees, to know what they decide about.',
    execute: [
      'schema_status',
      'request_abort',
      'request_retry',
      'request_reschedule',
      'resolve',
      'watch_task',
      'set_rule',
      'rebuild_open_tasks',
      'request_heard',
      'add_site_key',
      'add_peer',
      'remove_peer',
      'order_repair',
      'dismiss_incident',
      'site_identity',
      'stream_heads',
      'sealed_head',
      ...lookingWhoRuns,
      ...replaying,
      'rebuild_projection',
      'empty_slot',
    ],
    // With the keys, to compare what `rebuild` would make with what there is.
    select: { ...reads, ...slots, task_keys: '*', doubts: ['task_id', 'realm', 'name'] },
  },
  taskledger_daemon: {
    work: 'The daemon of a site: ends lost leases, missed windows and passed deadlines, seals blocks, computes projections.',
    execute: [
      'schema_status',
      'sweep',
      'rebuild_open_tasks',
      'sealable',
      'seal_head',
      'unsealed',
      'seal',
      'restart_sealing',
      'sealed_head',
      'begin_projection',
      'project_together',
      ...replaying,
      'rebuild_projection',
      'analyze_slot',
      'switch_projection',
      'empty_slot',
      ...replicating,
    ],
    // To seal with a key that is known (it cannot add one), and to prove what arrived from other sites.
    select: {
      site_keys: '*',
      events: '*',
      blocks: '*',
      site: '*',
      proofs: '*',
      streams: '*',
      quarantine: '*',
      faults: '*',
      repairs: '*',
    },
  },
  taskledger_peer: {
    work: 'The daemons and servers of other sites: read what this site published and what it has of every stream, and ask whether an event is here. A user for this also needs the attribute REPLICATION.',
    execute: ['schema_status', 'site_identity', 'is_peer', 'stream_heads', 'acknowledge'],
    select: { events: '*', blocks: '*', site_keys: '*', proofs: '*', site: '*' },
  },
} as const satisfies Readonly<Record<`taskledger_${string}`, RoleGrants>>;

/** The roles that may use a table, view or function of ours, by its name; empty if none may. */
export function rolesThatMay(object: string): string[] {
  return Object.entries<RoleGrants>(roleGrants)
    .filter(([, { execute, select }]) => execute.includes(object) || Object.hasOwn(select, object))
    .map(([role]) => role);
}
