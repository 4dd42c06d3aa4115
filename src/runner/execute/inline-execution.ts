import { callHandler } from './call-handler.ts';
import type { Execution } from './execution.ts';

/**
 * In the runner's own event loop. Stopping is up to the handler: it is told by its signal, and nothing else can end it.
 */
export const inlineExecution: Execution = { run: (attempt, handler) => callHandler(handler, attempt) };
