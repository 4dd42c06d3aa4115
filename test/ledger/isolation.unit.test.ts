import { expect, test } from 'vitest';
import { defineTask } from '../../src/ledger/define-task.ts';
import { poolDefaults } from '../../src/ledger/isolation.ts';

const handle = (options?: object): unknown => defineTask({ name: 'some.task' }).handle(() => 1, options).isolation;
const module = 'file:///srv/tasks.mjs';

test('a handler runs inline unless it says otherwise', () => {
  expect(handle()).toBeUndefined();
  expect(handle({ isolation: 'inline' })).toBeUndefined();
  expect(handle({ isolation: 'process', module })).toEqual({ isolation: 'process', module });
});

test('a pool takes limits, each of which has a default', () => {
  const limits = { warm: 0, maxTasks: 10, maxAgeMs: 60_000, maxRssMb: 256, idleMs: 0 };
  expect(handle({ isolation: 'pool', module, ...limits })).toEqual({ isolation: 'pool', module, ...limits });
  expect(Object.keys(poolDefaults)).toEqual(Object.keys(limits));
});

test.each([
  ['a limit that is no number', { isolation: 'pool', module, maxTasks: 'many' }],
  ['a limit beyond its range', { isolation: 'pool', module, maxTasks: 0 }],
  ['half an attempt', { isolation: 'pool', module, maxTasks: 1.5 }],
  ['a limit nobody knows', { isolation: 'pool', module, maxTask: 5 }],
  ['a limit of a pool', { isolation: 'process', module, maxTasks: 5 }],
  ['an unknown level', { isolation: 'thread', module }],
  ['no module', { isolation: 'process' }],
  ['a relative module', { isolation: 'process', module: './tasks.mjs' }],
  ['the ledger’s URL', { isolation: 'process', module, env: ['TASKLEDGER_DATABASE_URL'] }],
  ['Node’s options', { isolation: 'process', module, env: ['NODE_OPTIONS'] }],
  ['a value instead of a name', { isolation: 'process', module, env: ['A=b'] }],
  ['a negative grace', { isolation: 'process', module, graceMs: -1 }],
  ['a grace that is no number', { isolation: 'process', module, graceMs: '5s' }],
])('%s is refused when the handler is defined', (_what, options) => {
  expect(() => handle(options)).toThrow(expect.objectContaining({ code: 'TASKLEDGER_INVALID_OPTION' }));
});
