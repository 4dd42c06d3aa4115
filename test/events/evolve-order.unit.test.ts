import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isDecision, type EventType, type TaskEvent } from '../../src/events/event.ts';
import { evolve, fold } from '../../src/events/evolve.ts';
import { formatPosition } from '../../src/events/position.ts';
import type { TaskState } from '../../src/events/task-state.ts';
import { allowedFrom } from '../../src/events/transitions.ts';
import { submit } from './lives.ts';
import { decisionTypes, history, sampleData, step, type Step } from './sample-events.ts';

const requestTypes = ['task.abort_requested', 'task.retry_requested', 'task.reschedule_requested'] as const;

/** A decision that may follow `state`: sample data with the token and attempt the state asks for. */
function following(state: TaskState, type: EventType, answers: readonly (readonly [string, string])[]): Step {
  const lease = state.lease === null ? undefined : [state.lease.epoch, state.lease.version];
  const attempt = type === 'task.leased' ? state.attempt + 1 : Math.max(state.attempt, 1);
  const named = {
    ...('lease' in sampleData[type] ? { lease } : {}),
    ...('attempt' in sampleData[type] ? { attempt } : {}),
  };
  return step(type, named, answers.length > 0 ? { context: { answers } } : {});
}

/** A life the rules allow, from random choices; some of its decisions answer requests made at `fra`. */
function randomLife(choices: readonly { pick: number; answers: number }[]): TaskEvent[] {
  let steps: Step[] = [submit()];
  let asked = 0;
  for (const { pick, answers } of choices) {
    const state = fold(history(steps))!;
    const possible = decisionTypes.filter((type) =>
      (allowedFrom as Record<string, readonly string[]>)[type]!.includes(state.state),
    );
    const refs = Array.from({ length: answers }, () => ['fra', String((asked += 1))] as const);
    steps = [...steps, following(state, possible[pick % possible.length]!, refs)];
  }
  return history(steps);
}

function remarks(count: number, kinds: readonly number[]): TaskEvent[] {
  const steps = Array.from({ length: count }, (_, i) => {
    const kind = kinds[i % kinds.length]!;
    const type = kind === 3 ? 'task.result_refused' : requestTypes[kind]!;
    return step(type, {}, { site: 'fra', seq: BigInt(i + 1) });
  });
  return history(steps);
}

const choice = fc.record({ pick: fc.nat(100), answers: fc.constantFrom(0, 0, 1, 2) });
const life = fc.array(choice, { maxLength: 12 }).map(randomLife);
const asked = fc
  .tuple(fc.nat(8), fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }))
  .map(([n, kinds]) => remarks(n, kinds));

/** The decisions in their order with the remarks put in at random places after the first. */
function interleaved(
  decisions: readonly TaskEvent[],
  others: readonly TaskEvent[],
  places: readonly number[],
): TaskEvent[] {
  const events = [...decisions];
  others.forEach((event, i) => events.splice(1 + ((places[i % places.length] ?? 0) % events.length), 0, event));
  return events;
}

function evolveAll(events: readonly TaskEvent[]): TaskState {
  return events.reduce<TaskState | undefined>(evolve, undefined)!;
}

const places = fc.array(fc.nat(100), { minLength: 1, maxLength: 8 });

describe('the order of arrival', () => {
  test('of requests and refused results leaves no trace in the state (I5)', () => {
    fc.assert(
      fc.property(life, asked, places, places, (decisions, others, some, other) => {
        const a = evolveAll(interleaved(decisions, others, some));
        const b = evolveAll(interleaved(decisions, [...others].reverse(), other));
        expect(a).toStrictEqual(b);
      }),
    );
  });

  test('of all events leaves no trace in what fold gives (I5)', () => {
    const shuffled = fc.tuple(life, asked).chain(([decisions, others]) => {
      const events = [...decisions, ...others];
      return fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length }));
    });
    fc.assert(
      fc.property(shuffled, ([events, mixed]) => {
        expect(fold(mixed)).toStrictEqual(fold(events));
      }),
    );
  });

  test('keeps open exactly the requests that no decision names', () => {
    fc.assert(
      fc.property(life, asked, places, (decisions, others, some) => {
        const answered = new Set(
          decisions.flatMap((d) => d.context?.answers ?? []).map(([site, seq]) => `${site}/${seq}`),
        );
        const requests = others.filter((event) => event.type !== 'task.result_refused').map(formatPosition);
        const open = evolveAll(interleaved(decisions, others, some)).open_requests.map(formatPosition);
        expect(open).toEqual(requests.filter((position) => !answered.has(position)));
      }),
    );
  });
});

describe('along any life the rules allow', () => {
  test('I2: fencing tokens strictly increase, and a lease is held exactly while leased', () => {
    fc.assert(
      fc.property(life, (events) => {
        let last = 0;
        let state: TaskState | undefined;
        for (const event of events) {
          state = evolve(state, event);
          expect(state.lease !== null).toBe(state.state === 'leased');
          if (event.type === 'task.leased') {
            expect(state.lease?.version).toBeGreaterThan(last);
            last = state.lease!.version;
          }
        }
      }),
    );
  });

  test('I3: a finish time is set exactly while the task is finished', () => {
    fc.assert(
      fc.property(life, (events) => {
        const state = evolveAll(events);
        const finished = ['completed', 'failed', 'aborted', 'missed'].includes(state.state);
        expect(state.finished_at !== null).toBe(finished);
        expect(events.every(isDecision) && state.version).toBe(events.length);
      }),
    );
  });

  test('evolving never changes the state or the event it was given', () => {
    fc.assert(
      fc.property(life, asked, (decisions, others) => {
        const events = [...decisions, ...others].map(deepFreeze);
        let state: TaskState | undefined;
        for (const event of events) state = deepFreeze(evolve(state, event));
      }),
    );
  });
});

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
