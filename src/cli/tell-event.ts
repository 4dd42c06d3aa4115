import type { EventOf, LedgerEvent, TaskEvent } from '../events/event.ts';
import { formatPosition, positionOfRef, type Position } from '../events/position.ts';
import { limitsText, used } from './attempt-rows.ts';
import { durationText } from './duration-text.ts';
import type { Told } from './last-attempt.ts';
import { jsonLine, printable, printableStart } from './printable.ts';

/** Longest payload, message or reason shown in a sentence, in characters. */
const shownMax = 120;

/** What an event says of its task, as one sentence. Everything in it is safe to print. */
export function tellEvent(event: TaskEvent): string {
  switch (event.type) {
    case 'task.submitted':
      return submitted(event);
    case 'task.leased':
      return leased(event);
    case 'task.progressed':
      return progressed(event);
    case 'task.completed':
      return `Attempt ${event.data.attempt} completed${took(event.data)}${withOutput(event.data.output)}.`;
    case 'task.attempt_failed':
      return `Attempt ${event.data.attempt} failed${took(event.data)}: ${problem(event.data.error)}${ending(event.data)}. The next one may start ${later(event, event.data.retry_at)}.`;
    case 'task.failed':
      return failed(event);
    case 'task.lease_expired':
      return leaseExpired(event);
    case 'task.lease_released':
      return `Attempt ${event.data.attempt} was given back unfinished (${shown(event.data.reason)}); it does not count.`;
    case 'task.aborted':
      return `${event.data.attempt === undefined ? 'Aborted' : `Attempt ${event.data.attempt} stopped, the task is aborted`}${because(event.data.reason)}${killed(event.data.killed)}${answering(event)}.`;
    case 'task.missed':
      return `Missed: nobody had started it by ${dayTime(event.data.start_before)}.`;
    case 'task.in_doubt':
      return `In doubt: ${shown(event.data.why.replace(/\.$/, ''))}. It does not start again until that is verified or resolved.`;
    case 'task.resolved':
      return resolved(event);
    case 'task.result_refused':
      return `A late result (${printable(event.data.outcome)}) was refused, kept as evidence, and changed nothing: ${shown(event.data.why)}.`;
    case 'task.abort_requested':
    case 'task.retry_requested':
    case 'task.reschedule_requested':
    case 'task.request_refused':
    case 'task.retried':
    case 'task.rescheduled':
      return request(event);
    default:
      return event satisfies never;
  }
}

/** `in 2 s, at 19:32:03.123`, or with its day when that is another one. */
function later({ occurred_at }: LedgerEvent, moment: string): string {
  const at = new Date(moment).toISOString();
  const waitMs = Date.parse(at) - Date.parse(occurred_at);
  if (waitMs <= 0) return 'at once';
  return `in ${durationText(waitMs)}, at ${at.slice(0, 10) === occurred_at.slice(0, 10) ? clockTime(at) : dayTime(at)}`;
}

/** How the process of an attempt ended, if it had one of its own. */
function ending({ exit_code, exit_signal, usage }: Told): string {
  const parts = [
    exit_signal === undefined ? '' : `its process was ended by ${shown(exit_signal)}`,
    exit_signal !== undefined || exit_code === undefined ? '' : `its process exited with ${exit_code}`,
    ...[used(usage)].map((text) => (text === null ? '' : `it used ${text}`)),
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`;
}

/** `19:32:01.123` of the same clock the history shows. */
function clockTime(moment: string): string {
  return new Date(moment).toISOString().slice(11, 23);
}

type Requests =
  | 'task.abort_requested'
  | 'task.retry_requested'
  | 'task.reschedule_requested'
  | 'task.request_refused'
  | 'task.retried'
  | 'task.rescheduled';

function request(event: EventOf<Requests>): string {
  switch (event.type) {
    case 'task.abort_requested':
      return `${who(event)} asked for it to be aborted${because(event.data.reason)}.`;
    case 'task.retry_requested':
      return `${who(event)} asked for it to be run again${because(event.data.reason)}.`;
    case 'task.reschedule_requested':
      return `${who(event)} asked for another schedule${schedule(event.data)}${because(event.data.reason)}.`;
    case 'task.request_refused':
      return refused(event);
    case 'task.retried':
      return `Made ready to run again, with all its attempts${because(event.data.reason)}${answering(event)}.`;
    case 'task.rescheduled':
      return `Rescheduled${schedule(event.data)}${because(event.data.reason)}${answering(event)}.`;
  }
}

function refused(event: EventOf<'task.request_refused'>): string {
  const request = positionOfRef(event.data.request);
  return `The request ${formatPosition(request)} was refused: ${shown(event.data.why)}${answeredBy(event, [request])}.`;
}

function submitted(event: EventOf<'task.submitted'>): string {
  const { data } = event;
  const facts = [
    data.queue === 'default' ? '' : `queue ${printable(data.queue)}`,
    data.group === undefined ? '' : `group ${shown(data.group)}`,
    data.plugin === undefined ? '' : `only by plugin versions ${shown(data.plugin)}`,
    data.priority === 0 ? '' : `priority ${data.priority}`,
    data.key === undefined ? '' : `key ${shown(data.key)}`,
    data.protected === true ? 'protected' : '',
    data.start_after === undefined ? '' : `not before ${dayTime(data.start_after)}`,
    data.start_before === undefined ? '' : `to start before ${dayTime(data.start_before)}`,
    data.deadline === undefined ? '' : `to be done by ${dayTime(data.deadline)}`,
    data.timeout_ms === undefined ? '' : `at most ${durationText(data.timeout_ms)} an attempt`,
    `${data.retry.attempts} attempt${data.retry.attempts === 1 ? '' : 's'} at most`,
  ].filter((fact) => fact !== '');
  return `${who(event)} submitted ${data.name} (${facts.join(', ')}) with ${payload(data.input)}.`;
}

function leased({ data }: EventOf<'task.leased'>): string {
  const plugin = data.plugin === undefined ? '' : ` with ${shown(data.plugin)}`;
  const limits = limitsText(data.limits);
  const under = limits === '' ? '' : `, under limits (${shown(limits)})`;
  return `Attempt ${data.attempt} leased to runner ${shown(data.runner)} on ${shown(data.host)}${plugin}, for ${durationText(data.ttl_ms)} at a time${under}.`;
}

function progressed({ data }: EventOf<'task.progressed'>): string {
  const parts = [
    data.fraction === undefined ? '' : `${Math.floor(data.fraction * 100)} % done`,
    data.message === undefined ? '' : shown(data.message),
    data.checkpoint === undefined ? '' : `checkpoint ${payload(data.checkpoint)}`,
  ];
  return `Progress: ${parts.filter((part) => part !== '').join(', ')}.`;
}

function failed({ data }: EventOf<'task.failed'>): string {
  const last =
    data.lease === undefined ? 'Failed' : `Failed in attempt ${data.attempt ?? data.attempts} of ${data.attempts}`;
  return `${last}${took(data)}: ${problem(data.error)}${ending(data)}. There will be no other attempt.`;
}

function leaseExpired(event: EventOf<'task.lease_expired'>): string {
  const { data } = event;
  const silentMs = Date.parse(event.occurred_at) - Date.parse(data.last_heartbeat);
  const runner = data.runner === undefined ? 'its runner' : `runner ${shown(data.runner)}`;
  const silent = `Attempt ${data.attempt} lost its lease: ${runner} was last heard of at ${clockTime(data.last_heartbeat)}, ${durationText(silentMs)} before.`;
  switch (data.next) {
    case 'pending':
      return `${silent} Ready for another attempt.`;
    case 'failed':
      return `${silent} No attempt is left: failed.`;
    case 'in_doubt':
      return `${silent} It is protected and may have taken effect: in doubt until verified or resolved.`;
  }
}

function resolved(event: EventOf<'task.resolved'>): string {
  const { outcome, output, reason, by, runner } = event.data;
  const verdict = outcome === 'rerun' ? 'to be run again' : outcome;
  const whose = runner === undefined ? '' : ` of runner ${shown(runner)}`;
  return `${by === 'verify' ? `The verify handler${whose}` : who(event)} resolved the doubt: ${verdict}${withOutput(output)}${because(reason)}.`;
}

function who({ actor, site, context }: LedgerEvent): string {
  const principal = context?.on_behalf_of;
  return `${shown(actor)} at ${site}${principal === undefined ? '' : ` for ${shown(principal)}`}`;
}

function took(data: { readonly started_at?: string | undefined; readonly finished_at?: string | undefined }): string {
  if (data.started_at === undefined || data.finished_at === undefined) return '';
  return ` after ${durationText(Date.parse(data.finished_at) - Date.parse(data.started_at))}`;
}

function problem(error: { readonly code: string; readonly message?: string | undefined }): string {
  const code = printable(error.code);
  return error.message === undefined || error.message === ''
    ? code
    : `${shown(error.message.replace(/\.$/, ''))} [${code}]`;
}

function schedule(data: { readonly start_after?: string | undefined; readonly priority?: number | undefined }): string {
  const parts = [
    data.start_after === undefined ? '' : `not before ${dayTime(data.start_after)}`,
    data.priority === undefined ? '' : `priority ${data.priority}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function because(reason: string | undefined): string {
  return reason === undefined || reason === '' ? '' : `, because: ${shown(reason.replace(/\.$/, ''))}`;
}

function killed(how: 'no' | 'term' | 'kill' | undefined): string {
  if (how === undefined || how === 'no') return '';
  return how === 'term' ? ' (its process had to be told to end)' : ' (its process had to be killed)';
}

/** Which requests it answers; and who answered and where, if one of them was made at another site. */
function answering(event: LedgerEvent): string {
  const answers = (event.context?.answers ?? []).map(positionOfRef);
  if (answers.length === 0) return '';
  return `, as asked in ${answers.map(formatPosition).join(', ')}${answeredBy(event, answers)}`;
}

function answeredBy(event: LedgerEvent, requests: readonly Position[]): string {
  return requests.every(({ site }) => site === event.site) ? '' : `; answered by ${who(event)}`;
}

function withOutput(output: unknown): string {
  return output === undefined ? '' : ` with ${payload(output)}`;
}

function payload(value: unknown): string {
  return printableStart(jsonLine(value), shownMax);
}

function shown(text: string): string {
  return printableStart(text, shownMax);
}

function dayTime(moment: string): string {
  return new Date(moment).toISOString().replace('T', ' ').replace('.000Z', 'Z');
}
