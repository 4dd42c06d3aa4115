import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { LedgerError } from '../errors.ts';
import { decodePayload, encodePayload } from '../events/payload.ts';
import type { Submitted } from '../ledger/submit.ts';
import { openLedger, type Ledger, type SubmitCall } from '../open-ledger.ts';
import { createPool } from '../postgres/pool.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import { submittedJson } from './as-json.ts';
import { connectionUrl } from './connection.ts';
import { jsonLine } from './printable.ts';
import { linesOf, type Line } from './read-input.ts';
import type { Terminal } from './terminal.ts';

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
export async function submitLines(name: string, file: string, options: SubmitLinesOptions): Promise<void> {
  const { call, url, terminal } = options;
  const stream = file === '-' ? process.stdin : await openFile(file);
  const pool = createPool({ connectionString: await connectionUrl(url, terminal), max: 2 });
  try {
    const ledger = await openLedger({ pool });
    const client = await pool.connect().catch(rethrowTranslated);
    try {
      await client.query('begin');
      const total = await submitStream(ledger, name, stream, { ...call, tx: client }, terminal.json);
      await client.query('commit').catch((error: unknown) => {
        throw translateSqlError(error, { writing: true });
      });
      for (const line of total.answers) terminal.line(line);
      if (!terminal.json)
        terminal.line(`Submitted ${total.tasks} ${total.tasks === 1 ? 'task' : 'tasks'} ${name} at ${ledger.site}.`);
    } finally {
      // Without a commit, closing the connection rolls everything back.
      client.release(true);
    }
  } finally {
    stream.destroy();
    await pool.end();
  }
}

interface Total {
  readonly tasks: number;
  /** With `--json`: one object for each task. They count only after the commit, so they are kept until then. */
  readonly answers: readonly string[];
}

async function submitStream(
  ledger: Ledger,
  name: string,
  stream: Readable,
  call: SubmitCall,
  json: boolean,
): Promise<Total> {
  const answers: string[] = [];
  let tasks = 0;
  let batch: { input: unknown }[] = [];
  let firstLine = 1;
  const flush = async (lastLine: number): Promise<void> => {
    const submitted = await ledger
      .submitMany(name, batch, call)
      .catch((error: unknown) => Promise.reject(inLines(error, firstLine, lastLine)));
    if (json) answers.push(...submitted.map((task: Submitted) => jsonLine(submittedJson(task))));
    tasks += batch.length;
    batch = [];
    firstLine = lastLine + 1;
  };
  let last = 0;
  for await (const line of linesOf(stream)) {
    batch.push({ input: inputOf(line) });
    last = line.number;
    if (batch.length === batchSize) await flush(last);
  }
  if (batch.length > 0) await flush(last);
  return { tasks, answers };
}

/** Checks the line here, where its number is known, instead of leaving it to the batch. */
function inputOf({ number, text }: Line): unknown {
  const what = `line ${number}`;
  const input = decodePayload(number === 1 ? text.replace(/^\ufeff/, '') : text, what);
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

async function openFile(file: string): Promise<Readable> {
  const stream = createReadStream(file);
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve());
    stream.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new LedgerError('TASKLEDGER_INVALID_OPTION', {
          expected: `a file ${JSON.stringify(file)} with one input per line`,
          found: cause.code ?? 'an error on reading it',
          remedy: 'Name a file that this user may read',
          cause,
        }),
      ),
    );
  });
  return stream;
}

function rethrowTranslated(error: unknown): never {
  throw translateSqlError(error);
}
