import type { Readable } from 'node:stream';
import { LedgerError } from '../errors.ts';
import { decodePayload, encodePayload } from '../events/payload.ts';
import type { Submitted } from '../ledger/submit.ts';
import type { SubmitCall } from '../ledger/submit-calls.ts';
import { openLedgerCalls, type TaskRef } from '../open-ledger.ts';
import { createPool } from '../postgres/pool.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import { submittedJson } from './as-json.ts';
import { connectionUrl } from './connection.ts';
import { jsonLine } from './printable.ts';
import { linesOf, openGivenFile, type Line } from './read-input.ts';
import type { Terminal } from './terminal.ts';
import { warnUnoffered } from './warn-unoffered.ts';

/** Tasks per statement: large enough to be quick, small enough to stream. */
const batchSize = 1000;

interface SubmitLinesOptions {
  readonly call: SubmitCall;
  readonly url: string | undefined;
  readonly terminal: Terminal;
}

/**
 * Records one task for each line of a file, in one transaction, and says so once it has committed.
 * @throws LedgerError naming the line that is wrong; nothing is recorded then
 */
export async function submitLines(task: TaskRef<unknown>, file: string, options: SubmitLinesOptions): Promise<void> {
  const name = typeof task === 'string' ? task : task.name;
  const { call, url, terminal } = options;
  const stream = file === '-' ? process.stdin : await openGivenFile(file, 'one input per line');
  const pool = createPool({ connectionString: await connectionUrl(url, terminal), max: 2 });
  try {
    const ledger = await openLedgerCalls({ pool });
    const client = await pool.connect().catch(rethrowTranslated);
    try {
      await client.query('begin');
      const total = new LineBatches((items) => ledger.submitMany(task, items, { ...call, tx: client }), terminal.json);
      await total.submit(stream);
      await client.query('commit').catch((error: unknown) => {
        throw translateSqlError(error, { writing: true });
      });
      for (const line of total.answers) terminal.line(line);
      if (!terminal.json)
        terminal.line(`Submitted ${total.tasks} ${total.tasks === 1 ? 'task' : 'tasks'} ${name} at ${ledger.site}.`);
      if (total.tasks > 0) await warnUnoffered(ledger, task, call, terminal);
    } finally {
      // Without a commit, closing the connection rolls everything back.
      client.release(true);
    }
  } finally {
    stream.destroy();
    await pool.end();
  }
}

/** Sends lines as they come, a batch at a time. */
class LineBatches {
  tasks = 0;
  /** With `--json`: one object for each task. They count only after the commit, so they are kept until then. */
  readonly answers: string[] = [];
  readonly #submitMany: (items: readonly { input: unknown }[]) => Promise<readonly Submitted[]>;
  readonly #keepAnswers: boolean;
  #batch: { input: unknown }[] = [];
  #firstLine = 1;
  #lastLine = 0;

  constructor(
    submitMany: (items: readonly { input: unknown }[]) => Promise<readonly Submitted[]>,
    keepAnswers: boolean,
  ) {
    this.#submitMany = submitMany;
    this.#keepAnswers = keepAnswers;
  }

  async submit(stream: Readable): Promise<void> {
    for await (const line of linesOf(stream)) {
      this.#batch.push({ input: inputOf(line) });
      this.#lastLine = line.number;
      if (this.#batch.length === batchSize) await this.#flush();
    }
    if (this.#batch.length > 0) await this.#flush();
  }

  async #flush(): Promise<void> {
    try {
      const submitted = await this.#submitMany(this.#batch);
      if (this.#keepAnswers) for (const task of submitted) this.answers.push(jsonLine(submittedJson(task)));
    } catch (error) {
      throw inLines(error, this.#firstLine, this.#lastLine);
    }
    this.tasks += this.#batch.length;
    this.#batch = [];
    this.#firstLine = this.#lastLine + 1;
  }
}

/** Checks the line here, where its number is known, instead of leaving it to the batch. */
function inputOf({ number, text }: Line): unknown {
  const what = `line ${number}`;
  const input = decodePayload(text, what);
  encodePayload(input, what);
  return input;
}

/** What the database found wrong in a batch, with the lines the batch was made of. */
function inLines(error: unknown, first: number, last: number): unknown {
  if (!(error instanceof LedgerError) || error.kind !== 'usage') return error;
  const { code, expected, found, remedy, details, cause } = error;
  return new LedgerError(code, {
    expected: `${expected} (lines ${first} to ${last})`,
    found,
    remedy,
    cause,
    ...(details === undefined ? {} : { details }),
  });
}

function rethrowTranslated(error: unknown): never {
  throw translateSqlError(error);
}
