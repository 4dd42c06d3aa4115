import { childLimits, type LimitOptions } from '../ledger/child-limits.ts';
import type { Handler } from '../ledger/define-task.ts';
import { activeLayers } from '../runner/execute/limits/holds.ts';
import { machineLayers } from '../runner/execute/limits/layers.ts';
import { heldHandler, requireHeld, type HeldHandler } from '../runner/execute/limits/require-limits.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/**
 * Prints what holds these handlers to their limits on this machine, and what it lacks.
 * @throws LedgerError TASKLEDGER_LIMIT_NOT_HELD after it was printed, where a runner would not start
 */
export async function explainLimits(
  handlers: readonly Handler[],
  caps: LimitOptions | undefined,
  terminal: Terminal,
): Promise<void> {
  const layers = await machineLayers();
  const held = handlers.map((handler) => heldHandler(handler, caps && childLimits(caps, 'the runner'), layers));
  const [active, missing] = [activeLayers(layers), layers.problems];
  if (terminal.json) {
    const told = held.map(({ name, isolation, holds }) => ({
      name,
      isolation,
      limits: holds.map(({ name: limit, value, by = null, firm }) => ({ limit, value, by, firm })),
    }));
    terminal.object({ layers: active, missing, handlers: told });
  } else {
    terminal.line(`This machine offers: ${active.join(', ') || 'nothing'}.`);
    for (const problem of missing) terminal.line(printable(`It lacks ${problem}.`));
    for (const one of held) for (const line of linesOf(one)) terminal.line(printable(line));
  }
  requireHeld(held, layers);
}

function linesOf({ name, isolation, holds }: HeldHandler): string[] {
  const nothing = isolation === 'inline' ? 'inline: nothing limits it' : `${isolation}: no limits`;
  if (holds.length === 0) return ['', `${name}  ${nothing}`];
  return [
    '',
    `${name}  ${isolation}`,
    ...holds.map(({ name: limit, value, by }) => `  ${limit.padEnd(10)} ${value.padEnd(8)}  ${by ?? 'NOT HELD'}`),
  ];
}
