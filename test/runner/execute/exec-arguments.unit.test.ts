import { expect, test } from 'vitest';
import { execArguments } from '../../../src/runner/execute/exec-arguments.ts';

const attempt = { name: 'a.b', taskId: 'the id', attempt: 2 };
const filled = (templates: string[], input: unknown): string[] => execArguments(templates, { ...attempt, input }, '/d');

test('values are put where their places are, whole, whatever is in them', () => {
  const input = { to: '/a b;$(c)\n{input.n}', n: 1.5, yes: true, deep: { 'a-b': ['x'] } };
  expect(filled(['--file={input.to}', '{input.n}{input.yes}', '{input.deep.a-b.0}'], input)).toEqual([
    '--file=/a b;$(c)\n{input.n}',
    '1.5true',
    'x',
  ]);
  expect(filled(['{task_id}.{attempt}', '{input_file}', '{output_file}'], null)).toEqual([
    'the id.2',
    '/d/input.json',
    '/d/output.json',
  ]);
});

test('other braces are the program’s own', () => {
  const templates = ['{}', '{print $1}', '{input}', '{inputs.a}', '{environment.PATH}', '{{}'];
  expect(filled(templates, { a: 1 })).toEqual(templates);
});

test.each([
  ['is missing', {}, 'is missing, and an argument of the program needs it'],
  ['is inherited', [], 'is missing, and an argument of the program needs it'],
  ['is a list', { constructor: [] }, 'is no text, number, true or false'],
  ['is null', { constructor: null }, 'is no text, number, true or false'],
  [
    'would begin with a dash',
    { constructor: '--checkpoint-action=exec=sh' },
    'begins with a dash, as options of programs do',
  ],
  ['is negative where an argument begins', { constructor: -1 }, 'begins with a dash, as options of programs do'],
])('an input whose value %s is refused with its place', (_what, input, problem) => {
  let refused: unknown;
  try {
    filled(['x', '{input.constructor}'], input);
  } catch (error) {
    refused = error;
  }
  expect(refused).toMatchObject({
    code: 'INVALID_INPUT',
    reason: { details: { issues: [{ path: '$.constructor', problem }] } },
  });
});

test('behind other text a dash begins nothing', () => {
  expect(filled(['--level={input.n}'], { n: -1 })).toEqual(['--level=-1']);
});
