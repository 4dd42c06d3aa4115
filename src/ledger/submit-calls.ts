import type { Clock } from '../clock.ts';
import type { Codec } from '../events/codec.ts';
import { asQueryable, type CallerTransaction } from '../postgres/as-queryable.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Signals } from '../signals.ts';
import { requireCallOptions, requireItemOptions, requireItems } from './submit-options.ts';
import {
  submitTask,
  submitTasks,
  type Durability,
  type ReplicationGoal,
  type SubmissionItem,
  type SubmissionKind,
  type SubmitContext,
  type SubmitOptions,
  type Submitted,
} from './submit.ts';
import { inputJson, requireTask, type TaskRef } from './task-input.ts';

export interface SubmitCall extends SubmitOptions, SubmitContext {
  /** Your own open transaction: the task exists if and only if it commits. */
  readonly tx?: CallerTransaction;
  /**
   * Waits, once the tasks are recorded, for other sites to have them too: `replicated` means one of them within 10 seconds.
   * The answer says what became of it. Not with `tx`: there, call `whenReplicated` after your commit.
   */
  readonly durability?: 'replicated' | ReplicationGoal;
}

/** One task of `submitMany`: an input with options of its own. */
export interface SubmitItem<Input> extends SubmitOptions {
  readonly input: Input;
}

/** How applications submit. */
export interface SubmitCalls {
  /** Records one task. @throws LedgerError TASKLEDGER_INVALID_INPUT and those of `submitTasks` */
  submit<Input>(task: TaskRef<Input>, input: Input, call?: SubmitCall): Promise<Submitted>;
  /** Records many tasks of one kind, all or none; answers in input order. At most 10 000. */
  submitMany<Input>(task: TaskRef<Input>, items: readonly SubmitItem<Input>[], call?: SubmitCall): Promise<Submitted[]>;
}

/** Knows whether other sites have what was recorded. */
interface Elsewhere<Goal> {
  /** What the call asks for, or an error when that can never be. */
  goalOf(call: SubmitCall): Goal | undefined;
  durabilityOf(tasks: readonly Submitted[], goal: Goal): Promise<Durability>;
}

interface SubmitCallsOptions<Goal> {
  readonly signals: Signals;
  readonly clock: Clock;
  readonly codec: Codec | undefined;
  readonly others: Elsewhere<Goal>;
}

/** Submitting, in the caller's transaction where one is given. */
export function submitCalls<Goal>(
  db: Queryable,
  { signals, clock, codec, others }: SubmitCallsOptions<Goal>,
): SubmitCalls {
  const recorded = async <T extends Submitted | Submitted[]>(work: Promise<T>): Promise<T> => {
    const startedAt = clock.monotonic();
    const answer = await work;
    const tasks = [answer].flat();
    const created = tasks.filter((task) => task.created).length;
    signals.emit('submit.recorded', { tasks: tasks.length, created, durationMs: clock.monotonic() - startedAt });
    return answer;
  };
  const dbOf = ({ tx }: SubmitCall): Queryable => (tx === undefined ? db : asQueryable(tx));
  return {
    submit: async (task, input, call = {}) => {
      requireTask(task);
      requireCallOptions(call, 'submit');
      const goal = others.goalOf(call);
      const inputText = await inputJson(task, input, codec, call.key);
      const submitted = await recorded(submitTask(dbOf(call), kindOf(task, call), inputText, call));
      return goal === undefined
        ? submitted
        : { ...submitted, durability: await others.durabilityOf([submitted], goal) };
    },
    submitMany: async (task, items, call = {}) => {
      requireTask(task);
      requireCallOptions(call, 'submitMany');
      requireItems(items);
      const goal = others.goalOf(call);
      const batch: SubmissionItem[] = [];
      for (const item of items) {
        requireItemOptions(item);
        const { input, ...own } = item;
        batch.push({ ...own, inputJson: await inputJson(task, input, codec, own.key ?? call.key) });
      }
      const submitted = await recorded(submitTasks(dbOf(call), kindOf(task, call), batch, call));
      if (goal === undefined) return submitted;
      const durability = await others.durabilityOf(submitted, goal);
      return submitted.map((each) => ({ ...each, durability }));
    },
  };
}

/** What the definition says of its tasks, and what the call says instead. */
function kindOf<Input>(task: TaskRef<Input>, call: SubmitCall): SubmissionKind {
  const { tx: _tx, realm: _realm, context: _context, durability: _durability, ...own } = call;
  if (typeof task === 'string') return { ...own, name: task };
  const { name, queue, priority, retry, timeoutMs } = task;
  return {
    ...(queue === undefined ? {} : { queue }),
    ...(priority === undefined ? {} : { priority }),
    ...(retry === undefined ? {} : { retry }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(task.protected ? { protected: true } : {}),
    ...own,
    name,
  };
}
