import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { configSchema } from '../src/config.ts';
import { eventSchema } from '../src/events/event.ts';
import { parseEvent } from '../src/events/parse-event.ts';
import { row, sampleData } from './events/sample-events.ts';
import { commandLinePage } from './support/reference/command-line-page.ts';
import { configPage } from './support/reference/config-page.ts';
import { eventsPage } from './support/reference/events-page.ts';
import { limitsPage } from './support/reference/limits-page.ts';
import { manifestPage } from './support/reference/manifest-page.ts';
import { signalsPage } from './support/reference/signals-page.ts';
import { repositoryRoot } from './support/repository.ts';

/**
 * Reference pages are written from the code and proven equal to it. After a change:
 *   UPDATE_DOCS=1 npx vitest run --project unit test/docs-reference.unit.test.ts
 */
const update = process.env['UPDATE_DOCS'] === '1';

describe.each([commandLinePage, configPage, eventsPage, limitsPage, manifestPage, signalsPage])('$file', (page) => {
  const file = path.join(repositoryRoot, page.file);

  test('is what the code says now (UPDATE_DOCS=1 writes it)', async () => {
    const said = await page.render();
    if (update) writeFileSync(file, said);
    expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(said);
  });

  test('names everything there is, and nothing there is not', async () => {
    const named = [...readFileSync(file, 'utf8').matchAll(page.named)].map(([, name]) => name);
    expect(named).toEqual(await page.names());
  });

  test('leaves no meaning out', () => {
    const rows = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    expect(rows.filter((line) => /\|\s*\|$/.test(line))).toEqual([]);
  });
});

test('every example of an event is read by its schema, and shows every field', () => {
  for (const option of eventSchema.options) {
    const type = option.shape.type.value;
    expect(parseEvent(row(type)).type).toBe(type);
    const fields = Object.keys(z.toJSONSchema(option.shape.data, { unrepresentable: 'any' }).properties ?? {});
    expect(fields.filter((field) => !Object.hasOwn(sampleData[type], field))).toEqual([]);
  }
});

test('every setting has a meaning', () => {
  const silent = Object.entries(configSchema.shape).filter(([, schema]) => (schema.description ?? '') === '');
  expect(silent.map(([name]) => name)).toEqual([]);
});
