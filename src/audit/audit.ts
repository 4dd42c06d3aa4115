import type { Finding } from '../events/blocks/check-block.ts';
import type { Position } from '../events/position.ts';
import type { TaskState } from '../events/task-state.ts';
import { requireTaskId } from '../ledger/task-id.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import { stateAsOf } from './as-of.ts';
import { chosenBlocks, exportBlocks, type BlockChoice } from './export.ts';
import { currentHeads, type Head } from './heads.ts';
import { cutsAt, type Moment } from './moments.ts';
import { exportTask, proveEvent, type PayloadOptions } from './prove.ts';
import { provenHistory, type ProvenEvent } from './task-history.ts';
import { verifyLog, type VerifyOptions, type VerifyReport } from './verify.ts';

export type { BlockChoice, Finding, Head, Moment, PayloadOptions, ProvenEvent, VerifyOptions, VerifyReport };

/** Looking back, and taking proof away. Reads only. */
export interface Audit {
  /** Verifies the log against its blocks. What is wrong is in `findings`; nothing is thrown for it. */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
  /** The last block of each site: keep it where nobody who can change the database can. */
  heads(): Promise<Head[]>;
  /** Every event of a task with the block that proves it; empty when the task is not known. @throws LedgerError TASKLEDGER_INVALID_ID */
  history(id: string): Promise<ProvenEvent[]>;
  /** What a task was at a moment; undefined when it was not known then. @throws LedgerError TASKLEDGER_NOT_FOUND when there is no such block */
  stateAsOf(id: string, moment: Moment): Promise<TaskState | undefined>;
  /** The proof of one event, as lines of a bundle. @throws LedgerError TASKLEDGER_NOT_FOUND, TASKLEDGER_NOT_SEALED, TASKLEDGER_NOT_PROVEN */
  prove(event: Position, options?: PayloadOptions): AsyncIterable<string>;
  /** A task or whole blocks, as lines of a bundle. @throws LedgerError TASKLEDGER_NOT_FOUND, TASKLEDGER_NOT_SEALED, TASKLEDGER_NOT_PROVEN */
  export(what: { readonly task: string } | BlockChoice, options?: PayloadOptions): AsyncIterable<string>;
}

/** The audit of the ledger in this database. */
export function auditOf(db: Queryable): Audit {
  return {
    verify: (options) => translated(verifyLog(db, options)),
    heads: () => translated(currentHeads(db)),
    history: (id) => translated(provenHistory(db, requireTaskId(id))),
    stateAsOf: (id, moment) => translated(cutsAt(db, moment).then((cuts) => stateAsOf(db, requireTaskId(id), cuts))),
    prove: (event, options) => translatedLines(proveEvent(db, event, options)),
    export: (what, options) =>
      translatedLines(
        'task' in what ? exportTask(db, requireTaskId(what.task), options) : exportChosen(db, what, options),
      ),
  };
}

async function* exportChosen(db: Queryable, choice: BlockChoice, options?: PayloadOptions): AsyncGenerator<string> {
  yield* exportBlocks(db, await chosenBlocks(db, choice), options);
}

async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw translateSqlError(error);
  }
}

async function* translatedLines(lines: AsyncIterable<string>): AsyncGenerator<string> {
  try {
    yield* lines;
  } catch (error) {
    throw translateSqlError(error);
  }
}
