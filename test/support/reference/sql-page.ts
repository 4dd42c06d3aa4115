import { readFileSync } from 'node:fs';
import path from 'node:path';
import type pg from 'pg';
import { repositoryRoot } from '../repository.ts';
import { table } from './reference-page.ts';

/** The id that stands for a task in the examples. */
export const exampleId = '019a3b5c-0e8f-7c1a-9d2e-3f4a5b6c7d8e';

/** What a user may call or read, with an example the test runs; `on` is the state of the task it is about. */
export const offered = {
  submit: {
    on: 'pending',
    example: `select id, created from taskledger.submit(name => 'payouts.settle', input => '{"payoutId":"p1"}', options => '{"key":"p1","priority":5}')`,
  },
  submit_many: {
    on: 'pending',
    example: `select "position", id, created from taskledger.submit_many('[{"input":1},{"input":2,"key":"second"}]', defaults => '{"name":"numbers.double"}')`,
  },
  request_abort: { on: 'pending', example: `select taskledger.request_abort('${exampleId}', 'the customer left')` },
  request_retry: { on: 'failed', example: `select taskledger.request_retry('${exampleId}', 'the bank is back')` },
  request_reschedule: {
    on: 'pending',
    example: `select taskledger.request_reschedule('${exampleId}', start_after => '2030-01-31T22:00:00+01:00', priority => 5)`,
  },
  resolve: {
    on: 'in_doubt',
    example: `select taskledger.resolve('${exampleId}', 'completed', output => '{"reference":"R-7"}', reason => 'seen at the bank')`,
  },
  watch_task: { on: 'pending', example: `select taskledger.watch_task('${exampleId}', watcher => gen_random_uuid())` },
  offered: {
    on: 'pending',
    example: "select count(*) as runners from taskledger.offered() where name = 'payouts.settle'",
  },
  tasks: {
    on: 'failed',
    example: `select name, state, attempt, error from taskledger.tasks where id = '${exampleId}'`,
  },
  task_history: {
    on: 'failed',
    example: `select occurred_at, type, data from taskledger.task_history where task_id = '${exampleId}' order by occurred_at, site, seq`,
  },
} as const;

interface FunctionRow {
  readonly name: string;
  readonly takes: string;
  readonly answers: string;
}

interface ColumnRow {
  readonly view: string;
  readonly about: string;
  readonly column: string;
  readonly type: string;
}

const functions = `
  select proname as name, pg_get_function_arguments(oid) as takes, pg_get_function_result(oid) as answers
    from pg_proc where pronamespace = 'taskledger'::regnamespace and proname = any ($1) order by proname`;

const columns = `
  select c.relname as view, obj_description(c.oid) as about, a.attname as column, format_type(a.atttypid, a.atttypmod) as type
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
   where c.relnamespace = 'taskledger'::regnamespace and c.relkind = 'v' and c.relname = any ($1)
   order by c.relname, a.attnum`;

/** What the file of a function says first, up to what it locks. */
function header(name: string): string {
  const text = readFileSync(path.join(repositoryRoot, `migrations/functions/${name}.sql`), 'utf8');
  const lines = text.split('\n').map((line) => /^-- ?(.*)$/.exec(line)?.[1]);
  const prose = lines.slice(0, lines.indexOf('')).filter((line) => line !== undefined && !line.startsWith('  '));
  return prose.join('\n');
}

const sql = (text: string): string[] => ['```sql', text, '```', ''];

/** Written from the catalogue, so that a signature on the page is the one that is called. */
export async function renderSql(db: pg.Pool): Promise<string> {
  const names = Object.keys(offered);
  const { rows: found } = await db.query<FunctionRow>(functions, [names]);
  const { rows: seen } = await db.query<ColumnRow>(columns, [names]);
  const views = [...new Set(seen.map(({ view }) => view))];
  const example = (name: string): string[] => sql(`${offered[name as keyof typeof offered].example};`);
  return [
    '# SQL',
    '',
    '<!-- Written from the catalogue of a migrated database by test/docs-sql.db.test.ts (UPDATE_DOCS=1); do not edit. -->',
    '',
    'For every language, inside the transaction of the caller. Which role may call what: [roles](roles.md). What they refuse',
    'has an SQLSTATE: [errors](errors.md). Fields of the options are those of [the submit event](events.md#tasksubmitted).',
    '',
    ...found.flatMap(({ name, takes, answers }) => [
      ...[`## ${name}`, '', header(name), ''],
      ...sql(`taskledger.${name}(${takes})\n  returns ${answers}`),
      ...['For example:', '', ...example(name)],
    ]),
    ...views.flatMap((view) => {
      const own = seen.filter((row) => row.view === view);
      const rows = own.map(({ column, type }) => [`\`${column}\``, type]);
      return [
        `## ${view}`,
        '',
        own[0]?.about ?? '',
        '',
        ...table(['column', 'type'], rows),
        '',
        'For example:',
        '',
        ...example(view),
      ];
    }),
  ].join('\n');
}
