import { z } from 'zod';
import { manifestSchema, taskSchema } from '../../../src/runner/plugins/manifest-schema.ts';
import { table, writtenFrom, type ReferencePage } from './reference-page.ts';
import { typeText } from './type-text.ts';

type JsonSchema = z.core.JSONSchema.JSONSchema;

const rootNames = Object.keys(manifestSchema.shape);
const taskNames = Object.keys(taskSchema.shape);

function rows(schema: z.ZodType): string[][] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
  }) as JsonSchema;
  return Object.entries(properties).map(([name, field]) => {
    const described = field as JsonSchema;
    return [
      `\`${name}\`${required.includes(name) ? '' : ' (optional)'}`,
      typeText(described),
      described.description ?? '',
    ];
  });
}

export const manifestPage: ReferencePage = {
  file: 'docs/reference/manifest.md',
  names: () => [...rootNames, ...taskNames],
  named: /^\| `([\w$]+)`/gm,
  render: () =>
    [
      '# Manifest of a plugin',
      '',
      writtenFrom('src/runner/plugins/manifest-schema.ts'),
      '',
      'What `taskledger.plugin.json` may say. Other keys are refused, with the one that was probably meant; every problem is told at',
      'once. Durations are text such as `"30s"`, `"10m"`, `"2h"`, or milliseconds. How it is used: [plugins](../guides/plugins.md).',
      '',
      '## The plugin',
      '',
      ...table(['key', 'value', 'meaning'], rows(manifestSchema)),
      '',
      '## Each of `tasks`',
      '',
      ...table(['key', 'value', 'meaning'], rows(taskSchema)),
      '',
    ].join('\n'),
};
