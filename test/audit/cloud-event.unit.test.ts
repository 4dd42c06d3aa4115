import { CloudEvent } from 'cloudevents';
import { expect, test } from 'vitest';
import { bundleVectors } from './proof-vectors.ts';

type Attributes = Record<string, unknown>;

const events = Object.values(bundleVectors)
  .flatMap((bundle) => bundle.trimEnd().split('\n'))
  .map((line) => (JSON.parse(line) as { event?: Attributes }).event)
  .filter((event) => event !== undefined);

// Said by the specification, section "Context Attributes" and the JSON format.
test('an exported event has the names and types that CloudEvents 1.0 asks for', () => {
  expect(events.length).toBeGreaterThan(10);
  for (const event of events) {
    const { data_base64, ...attributes } = event;
    expect(attributes).toMatchObject({
      specversion: '1.0',
      id: expect.stringMatching(/./),
      source: expect.stringMatching(/./),
      type: expect.stringMatching(/./),
    });
    expect(Object.keys(attributes).filter((name) => !/^[a-z0-9]{1,20}$/.test(name))).toEqual([]);
    expect(Object.values(attributes).filter((value) => typeof value !== 'string' && !Number.isInteger(value))).toEqual(
      [],
    );
    expect(String(event['time'])).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(data_base64 === undefined || event['datacontenttype'] === 'application/json').toBe(true);
  }
  const ids = new Set(events.map(({ source, id }) => `${String(source)} ${String(id)}`));
  expect(ids.size).toBe(6);
});

test('the official SDK finds every exported event valid', () => {
  expect(events.length).toBeGreaterThan(0);
  for (const event of events) expect(new CloudEvent(event, true).validate()).toBe(true);
});
