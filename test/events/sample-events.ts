import type { EventType, LedgerEvent, TaskEvent } from '../../src/events/event.ts';
import { isTaskEvent } from '../../src/events/event.ts';
import { parseEvent, type EventRow } from '../../src/events/parse-event.ts';

export const TASK_ID = '0198c0de-0000-7000-8000-000000000001';

const ran = { started_at: '2026-01-01T00:00:02.5+00:00', finished_at: '2026-01-01T00:00:03Z' };
const lease = [1, 2];
const error = {
  code: 'HANDLER_THREW',
  name: 'Error',
  message: 'no',
  stack: 'at x',
  cause: { code: 'A' },
  details: [1],
};
const usage = { cpu_ms: 12.5, max_rss_bytes: 1048576 };
const log_tail = ['2026-01-01T00:00:02.700Z info log sending {"rows":7}', '2026-01-01T00:00:02.900Z warn stderr no'];
const exits = { exit_code: 1, exit_signal: 'SIGKILL' };

/** Data with every documented key, for every type of the table. */
export const sampleData: Readonly<Record<EventType, Readonly<Record<string, unknown>>>> = {
  'task.submitted': {
    name: 'payouts.settle',
    input: { payoutId: 'p1' },
    queue: 'payouts',
    group: 'customer-7',
    priority: 5,
    key: 'p1',
    start_after: '2026-01-02T00:00:00+00:00',
    start_before: '2026-01-03T00:00:00Z',
    deadline: '2026-01-04T00:00:00.12345Z',
    retry: { attempts: 5, backoff: { kind: 'exponential', delay_ms: 1000, cap_ms: 60000 } },
    timeout_ms: 60000,
    protected: true,
    plugin: '^2.3.0',
  },
  'task.leased': {
    attempt: 1,
    runner: 'runner-1',
    host: 'host-1',
    ttl_ms: 15000,
    claim: '7',
    lease_digest: 'ab'.repeat(32),
    plugin: 'payouts@2.3.0',
    manifest_digest: 'cd'.repeat(32),
    limits: { memory: '512MB' },
  },
  'task.progressed': { lease, fraction: 0.5, message: 'halfway', checkpoint: { row: 7 } },
  'task.completed': { lease, attempt: 1, output: null, ...ran, last_heartbeat: ran.started_at, usage, log_tail },
  'task.attempt_failed': {
    lease,
    attempt: 1,
    error,
    exit_code: 1,
    exit_signal: 'SIGKILL',
    ...ran,
    usage,
    log_tail,
    retry_at: '2026-01-01T00:01:00Z',
  },
  'task.failed': {
    lease,
    attempt: 1,
    attempts: 1,
    error,
    exit_code: 1,
    exit_signal: 'SIGTERM',
    ...ran,
    usage,
    log_tail,
  },
  'task.lease_expired': {
    lease,
    attempt: 1,
    runner: 'runner-1',
    last_heartbeat: ran.started_at,
    next: 'pending',
    run_at: '2026-01-01T00:02:00Z',
  },
  'task.lease_released': {
    lease,
    attempt: 1,
    reason: 'shutdown',
    run_at: '2026-01-01T00:03:00Z',
    ...exits,
    usage,
    log_tail,
  },
  'task.abort_requested': { reason: 'customer left' },
  'task.retry_requested': { reason: 'fixed' },
  'task.reschedule_requested': { reason: 'later', start_after: '2026-02-01T00:00:00Z', priority: -5 },
  'task.request_refused': { why: 'already completed', request: ['fra', '9'] },
  'task.aborted': { reason: 'customer left', lease, attempt: 1, ...ran, killed: 'term', ...exits, usage, log_tail },
  'task.missed': { start_before: '2026-01-03T00:00:00Z' },
  'task.retried': { reason: 'fixed', run_at: '2026-01-05T00:00:00Z' },
  'task.rescheduled': { reason: 'later', start_after: '2026-02-01T00:00:00Z', priority: -5 },
  'task.result_refused': { lease, outcome: 'completed', output: 1, error, why: 'lease lost', claim: '7' },
  'task.in_doubt': { why: 'site lost', lease, ...exits, usage, log_tail },
  'task.resolved': {
    outcome: 'completed',
    output: { reference: 'r' },
    reason: 'seen at the bank',
    by: 'verify',
    runner: 'runner-1',
  },
  'site.opened': { name: 'ams', incarnation: 1, schema_version: 2 },
  'site.joined': { name: 'fra' },
  'site.left': { name: 'fra', reason: 'moved' },
  'site.key_added': { name: 'ams', key_id: '0123456789abcdef'.repeat(2), public_key: '0123456789abcdef'.repeat(4) },
  'realm.opened': { realm: 'ams', owner: 'ams' },
  'realm.released': { cut: { block: 7 } },
  'realm.taken': { cut: { block: 7 }, in_doubt: [TASK_ID] },
  'incident.raised': { kind: 'root-mismatch', summary: 'block 7', details: { block: 7 } },
  'incident.closed': { incident: ['ams', '9'], resolution: 'restored' },
};

export const allTypes = Object.keys(sampleData) as EventType[];

const remarks: ReadonlySet<EventType> = new Set<EventType>([
  'task.abort_requested',
  'task.retry_requested',
  'task.reschedule_requested',
  'task.result_refused',
]);

/** The types that are a version of a task. */
export const decisionTypes = allTypes.filter((type) => type.startsWith('task.') && !remarks.has(type));

/** A row of the log as `parseEvent` takes it; the envelope fits the type unless overridden. */
export function row(type: EventType, overrides: EventRow = {}): EventRow {
  const isTask = type.startsWith('task.');
  return {
    site: 'ams',
    seq: 1n,
    realm: 'ams',
    epoch: 1,
    task_id: isTask ? TASK_ID : null,
    version: isTask && !remarks.has(type) ? 1 : null,
    type,
    occurred_at: '2026-01-01T00:00:00.000Z',
    actor: 'app',
    context: null,
    data: sampleData[type],
    ...overrides,
  };
}

export interface Step {
  readonly type: EventType;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly at?: EventRow;
}

/** One step of a history: sample data with `data` over it; a key given as undefined is left out. */
export function step(type: EventType, data: Readonly<Record<string, unknown>> = {}, at: EventRow = {}): Step {
  return { type, data: { ...sampleData[type], ...data }, at };
}

/** The events of one task, numbered 1, 2, 3 …, one second apart, each read by `parseEvent`. */
export function history(steps: readonly Step[]): TaskEvent[] {
  let version = 0;
  return steps.map(({ type, data, at }, index) => {
    const isRemark = remarks.has(type);
    if (!isRemark) version += 1;
    const place = { seq: BigInt(index + 1), version: isRemark ? null : version, occurred_at: second(index) };
    return taskEvent(parseEvent(row(type, { ...place, data: JSON.parse(JSON.stringify(data)), ...at })));
  });
}

/** The time of the event at an index of a `history`. */
export function second(index: number): string {
  return new Date(Date.UTC(2026, 0, 1, 0, 0, index)).toISOString();
}

function taskEvent(event: LedgerEvent): TaskEvent {
  if (!isTaskEvent(event)) throw new Error(`${event.type} is not about a task`);
  return event;
}
