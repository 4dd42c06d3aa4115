// Who of the two sites spends the processor: each Postgres process under what it does, and the daemons; from /proc, Linux only.
import { cpuSecondsByProcess } from '../machine.js';

/** Sessions of the ledger, by their application_name. Those of the benchmark itself are left out. */
const sessions = [
  [/^taskledger bench$/, undefined],
  [/^taskledger prover$/, 'prover'],
  [/^taskledger link/, 'links'],
  [/^taskledger sealer$/, 'sealer'],
  [/^taskledger projector/, 'projectors'],
  [/^taskledger serve$/, 'sweep, requests'],
  [/^taskledger$/, 'submits'],
];
const backends = [
  [/^walsender$/, 'walsender'],
  [/^logical replication apply/, 'apply worker'],
];
const others = 'other processes';

/** What there is only because there are two sites; the other roles a site would have alone, but for the projectors of fra. */
const replication = /walsender|apply worker|links|^fra (prover|daemon)/;

function roleOf({ backend_type: type, application_name: application }) {
  const [known, by] = type === 'client backend' ? [sessions, application] : [backends, type];
  const found = known.find(([pattern]) => pattern.test(by));
  return found === undefined ? others : found[1];
}

/** CPU seconds until now. @returns pid → { role, seconds } */
async function readSite({ name, pool, postmaster, daemon }) {
  const { rows } = await pool.query(
    "select pid, backend_type, coalesce(application_name, '') as application_name from pg_stat_activity",
  );
  const roles = new Map(rows.map((row) => [row.pid, roleOf(row)]));
  const processes = new Map();
  for (const [pid, seconds] of cpuSecondsByProcess(postmaster)) {
    const role = roles.has(pid) ? roles.get(pid) : others;
    if (role !== undefined) processes.set(pid, { role: `${name} ${role}`, seconds });
  }
  const pid = daemon()?.pid;
  if (pid !== undefined)
    processes.set(pid, { role: `${name} daemon (Node)`, seconds: cpuSecondsByProcess(pid).get(pid) ?? 0 });
  return processes;
}

const round = (micros) => Math.round(micros * 10) / 10;

/**
 * CPU spent by the sites during `work`. What a process that ended meanwhile spent is missing; in a run that goes well none does.
 * @returns the `answer` of the work; `micros(events)`: per event by role, most first, with their sums
 */
export async function cpuDuring(sites, work) {
  const read = async () => new Map((await Promise.all(sites.map(readSite))).flatMap((site) => [...site]));
  const before = await read();
  const answer = await work();
  const spent = new Map();
  for (const [pid, { role, seconds }] of await read()) {
    spent.set(role, (spent.get(role) ?? 0) + seconds - (before.get(pid)?.seconds ?? 0));
  }
  const micros = (events) => {
    const each = [...spent].map(([role, seconds]) => [role, (seconds / events) * 1e6]).sort(([, a], [, b]) => b - a);
    const sum = (some) => round(some.reduce((total, [, value]) => total + value, 0));
    return {
      in_all: sum(each),
      replication: sum(each.filter(([role]) => replication.test(role))),
      ...Object.fromEntries(each.map(([role, value]) => [role, round(value)]).filter(([, value]) => value >= 0.1)),
    };
  };
  return { answer, micros };
}
