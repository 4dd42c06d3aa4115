import { describe, expect, test } from 'vitest';
import { historyLines } from '../../src/cli/history-lines.ts';
import { durationText } from '../../src/cli/duration-text.ts';
import { tellEvent } from '../../src/cli/tell-event.ts';
import { openTerminal } from '../../src/cli/terminal.ts';
import { isTaskEvent, type TaskEvent } from '../../src/events/event.ts';
import { parseEvent } from '../../src/events/parse-event.ts';
import { allTypes, row } from '../events/sample-events.ts';

const taskTypes = allTypes.filter((type) => type.startsWith('task.'));

function sample(type: (typeof allTypes)[number], overrides: Record<string, unknown> = {}): TaskEvent {
  const event = parseEvent(row(type, overrides));
  if (!isTaskEvent(event)) throw new Error(`${type} is about no task`);
  return event;
}

const withData = (type: (typeof allTypes)[number], data: Record<string, unknown>): string =>
  tellEvent(sample(type, { data: { ...sample(type).data, ...data } }));

describe('tellEvent', () => {
  test.each(taskTypes)('tells %s as one sentence', (type) => {
    expect(tellEvent(sample(type))).toMatch(/^[A-Za-z].*\.$/);
    expect(tellEvent(sample(type))).not.toMatch(/undefined|null\b.*because|\[object/);
  });

  test('says who lost the lease, when, and what follows from it', () => {
    const said = (next: string): string => withData('task.lease_expired', { next, runner: 'r-1' });
    expect(said('pending')).toMatch(
      /^Attempt 1 lost its lease: runner r-1 was last heard of at .*Ready for another attempt\.$/,
    );
    expect(said('in_doubt')).toMatch(/in doubt until verified or resolved\.$/);
    expect(said('failed')).toMatch(/No attempt is left: failed\.$/);
  });

  test('lets nothing of a payload, a reason or a message reach a terminal raw', () => {
    const evil = '\u001b[2J\nforged line\u202e';
    for (const text of [
      withData('task.submitted', { input: { [evil]: evil }, key: evil, queue: evil, group: evil }),
      withData('task.attempt_failed', { error: { code: evil, message: evil } }),
      withData('task.aborted', { reason: evil }),
      withData('task.progressed', { message: evil, checkpoint: evil }),
      withData('task.leased', { runner: evil, host: evil }),
      tellEvent(sample('task.abort_requested', { actor: evil.replace('\n', '') })),
    ]) {
      expect(text).not.toMatch(/[\p{Cc}\u202e]/u);
    }
  });

  test('says who answered a request that was made at another site, and where', () => {
    const asked = { actor: 'serve', site: 'ams', context: { answers: [['fra', '17']] } };
    expect(tellEvent(sample('task.retried', asked))).toMatch(/, as asked in fra\/17; answered by serve at ams\.$/);
    const refusal = { ...asked, data: { why: 'it is over', request: ['fra', '17'] } };
    expect(tellEvent(sample('task.request_refused', refusal))).toBe(
      'The request fra/17 was refused: it is over; answered by serve at ams.',
    );
    const own = { ...asked, context: { answers: [['ams', '17']] } };
    expect(tellEvent(sample('task.retried', own))).toMatch(/, as asked in ams\/17\.$/);
  });

  test('shortens a long payload', () => {
    expect(withData('task.completed', { output: 'x'.repeat(5000) }).length).toBeLessThan(300);
  });
});

test('a history has a line for each event: time, position, sentence', () => {
  const lines = historyLines([sample('task.submitted'), sample('task.leased')], openTerminal(false));
  expect(lines).toHaveLength(2);
  expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}\w+\/\d+ {2,}\w.* submitted payouts\.settle \(/);
});

test.each([
  [3.4, '3 ms'],
  [1000, '1 s'],
  [1240, '1.2 s'],
  [59_960, '1 min 0 s'],
  [200_000, '3 min 20 s'],
  [7_500_000, '2 h 5 min'],
])('%d ms is told as %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});
