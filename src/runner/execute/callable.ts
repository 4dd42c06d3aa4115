import type { Handler, TaskDefinition } from '../../ledger/define-task.ts';

/** As much of a handler as it takes to call it: a plain function that a plugin names has no more. */
export interface Callable {
  readonly definition: Pick<TaskDefinition, 'name' | 'input' | 'output' | 'retryable'>;
  readonly run: Handler['run'];
}
