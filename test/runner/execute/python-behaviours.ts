import path from 'node:path';
import { defineTask, type Handler } from '../../../src/ledger/define-task.ts';
import type { ChildIsolation } from '../../../src/ledger/isolation.ts';
import type { PluginProgram } from '../../../src/ledger/plugin-program.ts';
import { repositoryRoot } from '../../support/repository.ts';

/** The interpreter of the machine, not one that somebody's PATH happens to begin with. */
export const python = '/usr/bin/python3';

const directory = path.join(repositoryRoot, 'test/runner/execute');

/** A task of a plugin, as its manifest would make it. */
export function pluginHandler(
  name: string,
  program: Partial<PluginProgram>,
  level: 'process' | 'pool' = 'process',
): Handler {
  const rest = { runtime: 'python', command: [python], path: ['.'], env: {}, directory, digest: 'sha256:1' } as const;
  const handler = defineTask({ name }).handle(() => Promise.reject(new Error('run by the runner itself')));
  const isolation = { isolation: level, graceMs: 300, program: { ...rest, ...program } } as ChildIsolation;
  return { ...handler, isolation };
}

/** `behaves.NAME` of behaviours.py. */
export function pythonBehaviour(name: string, level: 'process' | 'pool'): Handler {
  // What no plugin may set is left out whoever asks for it.
  const env = { BEHAVIOUR_OPEN: 'o', TASKLEDGER_DATABASE_URL: 'postgres://secret', PYTHONPATH: '/nowhere' };
  return pluginHandler(`behaves.${name}`, { function: `behaviours:${name.replaceAll('.', '_')}`, env }, level);
}
