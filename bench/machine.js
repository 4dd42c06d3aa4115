// What a result depends on, and CPU time: on a shared machine rates drift by a factor, CPU time per task does not.
import { readFileSync, readdirSync } from 'node:fs';
import os from 'node:os';

const ticksPerSecond = 100; // USER_HZ, the same on every Linux port that Node has

export function describeMachine() {
  return {
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    loadAverage: os.loadavg()[0],
    node: process.version,
  };
}

/**
 * CPU seconds used so far by a Postgres server: the postmaster, the children it has reaped and those alive.
 * @returns undefined where there is no /proc.
 */
export function serverCpuSeconds(postmasterPid) {
  const own = readStat(postmasterPid);
  if (own === undefined) return undefined;
  let ticks = own.used + own.reaped;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = readStat(pid);
    if (stat?.parent === postmasterPid) ticks += stat.used;
  }
  return ticks / ticksPerSecond;
}

/** CPU seconds used so far by a process and each of its children that is alive: pid → seconds. Empty where there is no /proc. */
export function cpuSecondsByProcess(rootPid) {
  const seconds = new Map();
  if (readStat(rootPid) === undefined) return seconds;
  for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
    const stat = readStat(pid);
    if (stat !== undefined && (pid === rootPid || stat.parent === rootPid))
      seconds.set(pid, stat.used / ticksPerSecond);
  }
  return seconds;
}

/** The postmaster is the parent of every backend, however the server was started. */
export async function findPostmaster(client) {
  const { rows } = await client.query('select pg_backend_pid() as pid');
  return readStat(rows[0].pid)?.parent;
}

export function ownCpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

// Fields after the command's closing parenthesis: state ppid … utime stime cutime cstime are the 12th to 15th.
function readStat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
    return { parent: Number(fields[1]), used: utime + stime, reaped: cutime + cstime };
  } catch {
    return undefined; // ended meanwhile, or no /proc
  }
}
