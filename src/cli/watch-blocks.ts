import type { LedgerCalls } from '../open-ledger.ts';
import { eventJson } from './as-json.ts';
import { coloredSentence } from './history-lines.ts';
import { isTaskEvent } from '../events/event.ts';
import type { Terminal } from './terminal.ts';

interface WatchingBlocks {
  readonly from: string;
  readonly terminal: Terminal;
  readonly stopped: AbortSignal;
}

/** Prints every sealed event from a position on, each with the position after it, until told to stop. */
export async function watchBlocks(ledger: LedgerCalls, { from, terminal, stopped }: WatchingBlocks): Promise<void> {
  const { dim } = terminal.colors;
  for await (const { event, block, position } of ledger.follow({ from, signal: stopped })) {
    if (terminal.json) terminal.object({ ...eventJson(event), block, follow_from: position });
    else if (isTaskEvent(event)) {
      const sentence = coloredSentence(event, terminal.colors);
      terminal.line(`${dim(event.occurred_at.slice(11, 23))}  ${dim(position)}  ${dim(event.task_id)}  ${sentence}`);
    }
  }
}
