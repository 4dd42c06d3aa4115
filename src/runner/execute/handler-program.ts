import type { ChildIsolation } from '../../ledger/isolation.ts';
import { childEnvironment } from './child-environment.ts';
import type { ChildProgram, SpeakingProgram } from './child-program.ts';
import { moduleChildFile, moduleEntry } from './module-child.ts';
import { pluginProgram } from './plugin-program.ts';
import { defaultGraceMs } from './stop-ladder.ts';

/** What is started for attempts of a handler, with the environment as it is now. */
export function handlerProgram(isolation: ChildIsolation): ChildProgram | SpeakingProgram {
  const { graceMs = defaultGraceMs } = isolation;
  if ('program' in isolation) return pluginProgram(isolation.program, graceMs);
  const { module, env } = isolation;
  return {
    file: process.execPath,
    args: [moduleChildFile],
    env: childEnvironment(env),
    graceMs,
    entry: moduleEntry(module),
  };
}
