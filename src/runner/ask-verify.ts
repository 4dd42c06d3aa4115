import { encodeJson, type Codec } from '../events/codec.ts';
import { encodePayload } from '../events/payload.ts';
import { MAX_REASON_LENGTH } from '../events/limits.ts';
import type { DoubtAnswer } from '../ledger/answer-doubt.ts';
import type { Handler } from '../ledger/define-task.ts';
import { checkedBySchema } from '../ledger/standard-schema.ts';
import type { Doubt } from '../ledger/take-doubts.ts';

/**
 * Asks a verify handler about one task in doubt. Never rejects: a handler that throws, or answers what is no answer, does
 * not know, and neither does anybody else.
 */
export async function askVerify(
  handler: Handler,
  doubt: Doubt,
  signal: AbortSignal,
  codec?: Codec,
): Promise<DoubtAnswer> {
  const { taskId, attempt, submitted } = doubt;
  const { name } = submitted;
  try {
    if (handler.verify === undefined) return unknown(`this runner has no verify handler for ${name}`);
    const stored = submitted.input;
    const told = codec === undefined ? stored : await codec.decode(stored, { what: 'input', name, taskId });
    const input = await checkedBySchema(handler.definition.input, told, `the input of ${name}`);
    const answer = await checked(handler, await handler.verify({ taskId, name, input, attempt, signal }));
    if (!('outputJson' in answer) || answer.outputJson === undefined) return answer;
    const about = { what: 'output', name, taskId, input: told } as const;
    return { ...answer, outputJson: await encodeJson(answer.outputJson, codec, about) };
  } catch (error) {
    return unknown(messageOf(error));
  }
}

/** An answer without knowledge. Any text becomes a reason the history can hold. */
export function unknown(reason: string): DoubtAnswer {
  // eslint-disable-next-line no-control-regex -- they are what is replaced
  const text = reason.replaceAll(/[\0-\x08\x0b-\x1f\x7f]/g, ' ').toWellFormed();
  return { outcome: 'unknown', reason: text.trim() === '' ? 'no reason given' : text.slice(0, MAX_REASON_LENGTH) };
}

/** What a handler answered, which in JavaScript may be anything, as the ledger takes it. */
async function checked({ definition }: Handler, answer: unknown): Promise<DoubtAnswer> {
  const { outcome, output, reason } = Object(answer) as Partial<Record<'outcome' | 'output' | 'reason', unknown>>;
  const told = typeof reason === 'string' ? reason : '';
  switch (outcome) {
    case 'completed': {
      const what = `the output of ${definition.name}`;
      const value = await checkedBySchema(definition.output, output, what);
      return { outcome, ...(value === undefined ? {} : { outputJson: encodePayload(value, what) }) };
    }
    case 'not_executed':
      return { outcome, reason: told.trim() === '' ? undefined : unknown(told).reason };
    case 'unknown':
      return unknown(told);
    default:
      return unknown('the verify handler answered neither completed, not_executed nor unknown');
  }
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'the verify handler threw something that cannot be shown as text';
  }
}
