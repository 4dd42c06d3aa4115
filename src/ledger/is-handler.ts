import type { Handler } from './define-task.ts';

// Apart from the definition, which brings the schemas of the log along: a child process starts faster without them.

/** True for what `definition.handle(…)` returns, also across copies of this package. */
export function isHandler(value: unknown): value is Handler {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'taskledger.handler';
}
