import { z } from 'zod';
import { eventSchema, type EventType, type TaskDecision } from '../../../src/events/event.ts';
import { evolve, fold } from '../../../src/events/evolve.ts';
import { allowedFrom } from '../../../src/events/transitions.ts';
import { livesTo } from '../../events/lives.ts';
import { history, sampleData, step } from '../../events/sample-events.ts';
import { docComments } from './doc-comments.ts';
import { table, writtenFrom, type ReferencePage } from './reference-page.ts';
import { typeText } from './type-text.ts';

const files = ['submitted', 'lease-events', 'outcome-events', 'request-events', 'doubt-events'];
const rooms = [...files, 'site-events', 'incident-events'];

/** Every doc comment says "`type`: meaning." before the schema of the event. */
function meanings(): Map<string, string> {
  const all = rooms.flatMap((room) => [
    ...docComments(`src/events/${room}.ts`, String.raw`export const (\w+)`).values(),
  ]);
  const told = all.map((text) => /^`([\w.]+)`: (.*)$/.exec(text)).filter((match) => match !== null);
  return new Map(told.map(([, type = '', meaning = '']) => [type, meaning]));
}

type JsonObject = z.core.JSONSchema.BaseSchema;

function fieldRows(schema: JsonObject): string[][] {
  return Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const described = field as JsonObject;
    const isRequired = schema.required?.includes(name) === true;
    return [`\`${name}\`${isRequired ? '' : ' (optional)'}`, typeText(described), described.description ?? ''];
  });
}

/** Where the fold itself goes, from every state the event may follow, with each value of the field that decides it. */
function statesAfter(type: TaskDecision['type']): string {
  if (type === 'task.submitted') return '`pending`';
  const variants = { 'task.lease_expired': ['next', ['pending', 'failed', 'in_doubt']] } as const;
  const resolved = { 'task.resolved': ['outcome', ['completed', 'failed', 'rerun']] } as const;
  const [field, values] = { ...variants, ...resolved }[type as 'task.resolved'] ?? [undefined, [undefined]];
  const ways = allowedFrom[type].flatMap((from) =>
    values.map((value) => ({ from, to: stateAfter(type, from, field === undefined ? {} : { [field]: value }) })),
  );
  if (ways.every(({ from, to }) => from === to)) return ways.length > 1 ? 'unchanged' : `\`${ways[0]?.to ?? ''}\``;
  return [...new Set(ways.map(({ to }) => `\`${to}\``))].join(', ');
}

function stateAfter(type: EventType, from: keyof typeof livesTo, data: Readonly<Record<string, unknown>>): string {
  // Where there is no lease, there is no token to name.
  const isUnleased = from === 'pending' && (type === 'task.failed' || type === 'task.aborted');
  const lease = isUnleased ? { lease: undefined, attempt: undefined } : {};
  const events = history([...livesTo[from], step(type, { ...lease, ...data })]);
  const last = events.at(-1);
  const before = fold(events.slice(0, -1));
  return last === undefined ? '' : evolve(before, last).state;
}

function example(type: EventType): string[] {
  return ['```json', JSON.stringify(sampleData[type], null, 2), '```', ''];
}

function leadsTo(type: EventType): string {
  if (!type.startsWith('task.')) return 'It is about no task.';
  if (!Object.hasOwn(allowedFrom, type)) return 'It leaves the state as it is, and is no version of the task.';
  const decision = type as TaskDecision['type'];
  const from = allowedFrom[decision].map((state) => `\`${state}\``).join(', ');
  return `From: ${from === '' ? 'nothing, it is the first' : from}. State after it: ${statesAfter(decision)}.`;
}

function section(option: (typeof eventSchema.options)[number], meaning: string): string[] {
  const type = option.shape.type.value;
  const data = z.toJSONSchema(option.shape.data, { unrepresentable: 'any' });
  return [
    ...[`## ${type}`, '', meaning.charAt(0).toUpperCase() + meaning.slice(1), '', leadsTo(type), ''],
    ...table(['field of data', 'value', 'meaning'], fieldRows(data)),
    '',
    ...example(type),
  ];
}

/** The envelope is that of any event: its fields are the same for all. */
function envelopeRows(): string[][] {
  const [first] = eventSchema.options;
  const schema = z.toJSONSchema(first.omit({ data: true, type: true, task_id: true, version: true }), {
    unrepresentable: 'any',
  });
  return fieldRows(schema).map(([name = '', type = '', meaning = '']) => [
    name,
    name === '`seq`' ? 'integer of 64 bits' : type,
    meaning,
  ]);
}

export const eventsPage: ReferencePage = {
  file: 'docs/reference/events.md',
  names: () => eventSchema.options.map((option) => option.shape.type.value),
  named: /^## ((?:task|site|realm|incident)\.\w+)$/gm,
  render: () => {
    const told = meanings();
    return [
      '# Events',
      '',
      writtenFrom('src/events'),
      '',
      'Every change of a task is one event, recorded once and never changed. What a task is now is the fold of its events.',
      'Reading is lenient: fields that are not listed are kept. Data may carry `v`, the version of its form; absent means 1.',
      '',
      '## Envelope',
      '',
      ...table(
        ['field', 'value', 'meaning'],
        [
          ['`type`', 'text', 'One of the types below.'],
          ['`task_id`', 'UUID or null', 'The task; null for events about sites, realms and incidents.'],
          [
            '`version`',
            'integer from 1, or null',
            'Which version of the task this decision made; null for what is no decision.',
          ],
          ...envelopeRows(),
          ['`data`', 'object', 'What is told below.'],
        ],
      ),
      '',
      ...eventSchema.options.flatMap((option) => section(option, told.get(option.shape.type.value) ?? '')),
    ].join('\n');
  },
};
