import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { repositoryRoot } from '../repository.ts';
import { table, writtenFrom, type ReferencePage } from './reference-page.ts';

interface SignalEntry {
  readonly name: string;
  readonly data: string;
  readonly meaning: string;
}

/** The signals are types only: they are read from the source. */
function signals(): SignalEntry[] {
  const text = readFileSync(path.join(repositoryRoot, 'src/signals.ts'), 'utf8');
  const source = ts.createSourceFile('signals.ts', text, ts.ScriptTarget.Latest, true);
  const map = source.statements.find(
    (one): one is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(one) && one.name.text === 'SignalMap',
  );
  return [...(map?.members ?? [])].filter(ts.isPropertySignature).map((member) => ({
    name: (member.name as ts.StringLiteral).text,
    data: dataText(member, source),
    meaning: ts
      .getJSDocCommentsAndTags(member)
      .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '')
      .join(' ')
      .replace(/\s+/g, ' '),
  }));
}

function dataText({ type }: ts.PropertySignature, source: ts.SourceFile): string {
  if (type === undefined || !ts.isTypeLiteralNode(type)) return '';
  return type.members
    .filter(ts.isPropertySignature)
    .map((one) => `\`${one.name.getText(source)}${one.questionToken === undefined ? '' : '?'}\``)
    .join(', ');
}

export const signalsPage: ReferencePage = {
  file: 'docs/reference/signals.md',
  names: () => signals().map(({ name }) => name),
  named: /^\| `([\w.]+)`/gm,
  render: () =>
    [
      '# Signals',
      '',
      writtenFrom('src/signals.ts'),
      '',
      'What happens inside a process, for logs, metrics and tests: `ledger.signals.subscribe(({ name, data }) => …)`, or',
      "`await ledger.signals.next('claim.granted')`. A signal is not an event: nothing of it is stored, and none carries a",
      'payload, a secret or a connection string. What ends in `Ms` is milliseconds. A runner with several sites adds `site` to',
      'each of what happens at one of them.',
      '',
      ...table(
        ['signal', 'data', 'meaning'],
        signals().map(({ name, data, meaning }) => [`\`${name}\``, data, meaning]),
      ),
      '',
    ].join('\n'),
};
