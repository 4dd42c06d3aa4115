import { z } from 'zod';
import { configSchema } from '../../../src/config.ts';
import { table, writtenFrom, type ReferencePage } from './reference-page.ts';
import { typeText } from './type-text.ts';

const names = Object.keys(configSchema.shape);

function row(name: string): string[] {
  const schema = configSchema.shape[name as keyof typeof configSchema.shape];
  const described = z.toJSONSchema(schema, { io: 'output' });
  const fallback =
    described.default === undefined ? '–' : `\`${JSON.stringify(described.default).replaceAll('"', '')}\``;
  return [`\`${name}\``, typeText(described), fallback, schema.description ?? ''];
}

export const configPage: ReferencePage = {
  file: 'docs/reference/config.md',
  names: () => names,
  named: /^\| `(\w+)`/gm,
  render: () =>
    [
      '# Configuration',
      '',
      writtenFrom('src/config.ts'),
      '',
      'What the environment configures. A variable that is set to nothing counts as not set; a wrong value is an error that',
      'names the variable (exit status 2). The command line warns about variables that begin with `TASKLEDGER_` and are not',
      'listed here. Everything else is said by options: [the command line](command-line.md), `openLedger` and `ledger.runner`.',
      'The PostgreSQL driver reads variables of its own for what a connection string leaves out (`PGPASSWORD`, `PGPASSFILE`,',
      '`PGSSLMODE` and the like).',
      '',
      ...table(['variable', 'value', 'default', 'meaning'], names.map(row)),
      '',
    ].join('\n'),
};
