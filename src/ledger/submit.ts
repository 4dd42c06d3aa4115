import { v7 as uuidv7 } from 'uuid';
import { LedgerError } from '../errors.ts';
import { encodePayload } from '../events/payload.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { writeError } from './outcome-unknown.ts';
import { optionsJson, type SubmitOptions } from './submit-options.ts';

export type { SubmitOptions };

/** One task of a batch: what it adds to, or says instead of, what the whole batch says. */
export interface SubmissionItem extends SubmitOptions {
  /** JSON text, already checked; see `encodePayload`. */
  readonly inputJson: string;
}

/** What all tasks of a batch share. */
export interface SubmissionKind extends SubmitOptions {
  readonly name: string;
}

/** Said once for a whole call: which realm, and what is known of where it came from. */
export interface SubmitContext {
  readonly realm?: string;
  readonly context?: { readonly on_behalf_of?: string; readonly traceparent?: string; readonly correlation?: string };
}

/** What is known of recorded events at other sites; see `whenReplicated`. */
export type Durability = 'replicated' | 'not-yet' | 'unknown';

/** When events count as replicated. */
export interface ReplicationGoal {
  /** At how many of the peers, or at which of them. Default 1. */
  readonly sites?: number | readonly string[];
  /** Default 10 000. */
  readonly timeoutMs?: number;
}

export interface Submitted {
  readonly id: string;
  readonly site: string;
  /** Position in the site's stream, a 64-bit number. */
  readonly seq: bigint;
  /** False when the key was known: `id` is then the first task's. */
  readonly created: boolean;
  /** Said when the call asked for it. The task exists at this site, whatever it says. */
  readonly durability?: Durability;
}

/** Tasks per call: bounds the memory of one statement, and what one failure takes along. */
export const MAX_SUBMIT_BATCH = 10_000;

interface AnswerRow {
  readonly position: number;
  readonly id: string;
  readonly site: string;
  readonly seq: string;
  readonly created: boolean;
}

/**
 * Records tasks: all of them or none, in the transaction `db` is in. Answers in the order of `items`.
 * Ids are made here, so that after a lost connection a task can be asked for by its id.
 * @throws LedgerError TASKLEDGER_INVALID_INPUT, TASKLEDGER_INVALID_OPTION, TASKLEDGER_INVALID_TASK_NAME,
 *   TASKLEDGER_LIMIT_EXCEEDED, TASKLEDGER_KEY_CONFLICT, TASKLEDGER_NOT_OWNER, TASKLEDGER_UNREACHABLE,
 *   TASKLEDGER_OUTCOME_UNKNOWN (the connection was lost before the answer: `details.ids` are the tasks to ask for, and a
 *   `key` makes it safe to submit again)
 */
export async function submitTasks(
  db: Queryable,
  kind: SubmissionKind,
  items: readonly SubmissionItem[],
  shared: SubmitContext = {},
): Promise<Submitted[]> {
  if (items.length === 0) return [];
  if (items.length > MAX_SUBMIT_BATCH) throw tooMany(items.length);
  const ids = items.map(() => uuidv7());
  const batch = items.map((item, i) => `{"id":"${ids[i]}","input":${item.inputJson}${optionsJson(item)}}`);
  const defaults = `{"name":${JSON.stringify(kind.name)}${optionsJson(kind)}}`;
  const { realm = null, context } = shared;
  const contextJson = context === undefined ? null : encodePayload(context, 'context');
  try {
    const { rows } = await db.query(
      `select position, id, site, seq::text, created
         from taskledger.submit_many($1::json, $2::json, realm => $3, context => $4::json, strict => false)`,
      [`[${batch.join(',')}]`, defaults, realm, contextJson],
    );
    return inInputOrder(rows as AnswerRow[]);
  } catch (error) {
    const keyed = kind.key !== undefined || items.every((item) => item.key !== undefined);
    throw writeError(error, ids, keyed);
  }
}

/**
 * Records one task; the shorter way for the commonest kind, a task without options or with a key alone.
 * @throws as `submitTasks`
 */
export async function submitTask(
  db: Queryable,
  kind: SubmissionKind,
  inputJson: string,
  shared: SubmitContext = {},
): Promise<Submitted> {
  const { name, key, ...others } = kind;
  const isPlain = optionsJson(others) === '' && shared.realm === undefined && shared.context === undefined;
  if (!isPlain) {
    const { key: _key, ...withoutKey } = kind;
    const [answer] = await submitTasks(
      db,
      withoutKey,
      [key === undefined ? { inputJson } : { inputJson, key }],
      shared,
    );
    if (answer !== undefined) return answer;
  }
  const id = uuidv7();
  const options = `{"id":"${id}"${optionsJson(key === undefined ? {} : { key })}}`;
  try {
    const { rows } = await db.query(
      'select id, site, seq::text, created from taskledger.submit($1, $2::json, $3::json)',
      [name, inputJson, options],
    );
    const answer = rows[0] as AnswerRow;
    return { id: answer.id, site: answer.site, seq: BigInt(answer.seq), created: answer.created };
  } catch (error) {
    throw writeError(error, [id], key !== undefined);
  }
}

function tooMany(count: number): LedgerError {
  return new LedgerError('TASKLEDGER_LIMIT_EXCEEDED', {
    expected: `at most ${MAX_SUBMIT_BATCH} tasks in one call`,
    found: String(count),
    remedy: 'Submit them in several calls, in one transaction if all or none must be recorded',
  });
}

function inInputOrder(rows: readonly AnswerRow[]): Submitted[] {
  const answers: Submitted[] = [];
  for (const { position, id, site, seq, created } of rows) {
    answers[position - 1] = { id, site, seq: BigInt(seq), created };
  }
  return answers;
}
