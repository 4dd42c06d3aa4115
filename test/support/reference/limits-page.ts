import * as limits from '../../../src/events/limits.ts';
import { docComments } from './doc-comments.ts';
import { table, writtenFrom, type ReferencePage } from './reference-page.ts';

const names = Object.keys(limits).sort();

export const limitsPage: ReferencePage = {
  file: 'docs/reference/limits.md',
  names: () => names,
  named: /^\| `(\w+)`/gm,
  render: () => {
    const meanings = docComments('src/events/limits.ts', String.raw`export const (\w+)`);
    const values = new Map<string, unknown>(Object.entries(limits));
    return [
      '# Limits',
      '',
      writtenFrom('src/events/limits.ts'),
      '',
      'What may be written, in every language: the SQL functions check the same limits as TypeScript does, and whatever is',
      'beyond them is refused with `TASKLEDGER_LIMIT_EXCEEDED` or `TASKLEDGER_INVALID_OPTION` before anything is recorded.',
      '',
      ...table(
        ['limit', 'value', 'of what'],
        names.map((name) => [`\`${name}\``, String(values.get(name)), meanings.get(name) ?? '']),
      ),
      '',
    ].join('\n');
  },
};
