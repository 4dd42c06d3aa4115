import { parseLogLine } from '../events/log-line.ts';
import { durationText } from './duration-text.ts';
import { explained, toldOf, type EndedAttempt, type Told } from './last-attempt.ts';
import { logLineText } from './log-line-text.ts';
import { jsonLine, printable, printableStart } from './printable.ts';
import { sizeText } from './size-text.ts';
import type { Terminal } from './terminal.ts';

const outcomes: Readonly<Record<EndedAttempt['end']['type'], string>> = {
  'task.completed': 'completed',
  'task.attempt_failed': 'ended in an error',
  'task.failed': 'failed',
  'task.aborted': 'was aborted',
  'task.lease_expired': 'lost its lease',
  'task.lease_released': 'was given back unfinished',
  'task.in_doubt': 'ended in doubt',
};
const stackMax = 12;

/** What `show` says of the last attempt that has ended, as rows `name  value`. */
export function attemptRows(ended: EndedAttempt): [string, string | null][] {
  const told = toldOf(ended);
  const { error } = told;
  const { meaning = null, remedy = null } = explained(error);
  return [
    ['last attempt', summary(ended, told)],
    ['error', error === undefined ? null : `${error.message ?? ''} [${error.code}]`.trim()],
    ['means', meaning],
    ['look at', remedy],
    ['limits', limits(ended)],
    ['process', processText(told)],
    ['used', used(told.usage)],
  ];
}

/** Its stack and its log, indented; safe to print. */
export function attemptLines(ended: EndedAttempt, { colors }: Terminal): string[] {
  const { error, log_tail = [] } = toldOf(ended);
  const stack = (error?.stack ?? '').split('\n').slice(1, stackMax + 1);
  const log = log_tail.map((line) => {
    const parts = parseLogLine(line);
    return parts === undefined ? `  ${printable(line)}` : logLineText(parts, colors);
  });
  return [
    ...headed(
      'stack',
      stack.map((line) => `  ${colors.dim(printable(line.trim()))}`),
    ),
    ...headed(`log (the last ${log.length} lines, times in UTC)`, log),
  ];

  function headed(head: string, lines: readonly string[]): string[] {
    return lines.length === 0 ? [] : ['', colors.dim(head), ...lines];
  }
}

/** `1.2 s of processor time, 120 MB of memory`; null if nothing is known. */
export function used(usage: Told['usage']): string | null {
  const parts = [
    usage?.cpu_ms === undefined ? '' : `${durationText(usage.cpu_ms)} of processor time`,
    usage?.max_rss_bytes === undefined ? '' : `${sizeText(usage.max_rss_bytes)} of memory at most`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? null : parts.join(', ');
}

/** The limits of a lease event as `memory 512 MB, …`; empty if it tells none. */
export function limitsText(limits: Readonly<Record<string, unknown>> | undefined): string {
  return Object.entries(limits ?? {})
    .map(([name, value]) => limitText(name, value))
    .join(', ');
}

function summary({ leased, end }: EndedAttempt, { attempt, started_at, finished_at }: Told): string {
  if (leased === undefined) return 'none: nobody had started it';
  const { runner, host, plugin } = leased.data;
  const tookMs =
    started_at === undefined || finished_at === undefined
      ? undefined
      : Date.parse(finished_at) - Date.parse(started_at);
  const took = tookMs === undefined ? '' : ` after ${durationText(tookMs)}`;
  const by = plugin === undefined ? '' : ` with ${plugin}`;
  return `${attempt ?? leased.data.attempt} ${outcomes[end.type]}${took}, on runner ${runner} on ${host}${by}`;
}

function limits({ leased }: EndedAttempt): string | null {
  return leased?.data.limits === undefined ? null : limitsText(leased.data.limits);
}

function limitText(name: string, value: unknown): string {
  const words = name.replace(/_(ms|bytes|mb)$/i, '').replaceAll('_', ' ');
  if (typeof value !== 'number')
    return `${words} ${typeof value === 'string' ? value : printableStart(jsonLine(value), 200)}`;
  if (name.endsWith('_ms')) return `${words} ${durationText(value)}`;
  return `${words} ${name.endsWith('_bytes') ? sizeText(value) : value}`;
}

const stops = { no: 'stopped by itself when told to', term: 'needed SIGTERM', kill: 'had to be killed' } as const;

function processText({ exit_code, exit_signal, killed }: Told): string | null {
  const parts = [
    exit_signal === undefined ? '' : `was ended by ${exit_signal}`,
    exit_signal !== undefined || exit_code === undefined ? '' : `exited with ${exit_code}`,
    killed === undefined ? '' : stops[killed],
  ].filter((part) => part !== '');
  return parts.length === 0 ? null : parts.join(', ');
}
