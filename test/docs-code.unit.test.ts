import path from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { repositoryFiles, repositoryRoot } from './support/repository.ts';

/** Code marked `ts` in documents and doc comments is compiled against the source: what a reader copies has to compile. */

interface Block {
  /** A file that is not there: beside the document, so that errors name it. */
  readonly file: string;
  readonly code: string;
}

const isShown = (file: string): boolean =>
  /^README\.md$|^docs\/.*\.md$|^examples\/.*\.md$|^src\/(index|testing\/\w+|[\w-]+)\.ts$/.test(file);

/** What the text around a block says is there. */
const surroundings: Readonly<Record<string, string>> = {
  'README.md': `declare const payout: { readonly id: string };
    declare const tx: { query(text: string, values: unknown[]): Promise<{ rows: unknown[] }> };`,
};

function blocks(): Block[] {
  return repositoryFiles()
    .filter(({ path: file }) => isShown(file))
    .flatMap(({ path: file, text }) =>
      [...text.matchAll(/^( \* )?```ts\n([^]*?)^\1?```$/gm)].map(([, margin = '', code = ''], index) => ({
        file: path.join(repositoryRoot, `${file}.block-${index + 1}.ts`),
        // Every block a module of its own; names of one do not reach the next.
        code: `${code.replaceAll(new RegExp(`^${margin.replaceAll('*', '\\*').trimEnd()} ?`, 'gm'), '')}\nexport {};\n${surroundings[file] ?? ''}`,
      })),
    );
}

function complaints(shown: readonly Block[]): string[] {
  const config = ts.readConfigFile(path.join(repositoryRoot, 'tsconfig.json'), (file) => ts.sys.readFile(file));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, repositoryRoot);
  const source = (file: string): string[] => [path.join(repositoryRoot, 'src', file)];
  const settings: ts.CompilerOptions = {
    ...options,
    paths: { taskledger: source('index.ts'), 'taskledger/testing': source('testing/index.ts') },
    // Examples leave out what they do not show, and keep to Markdown's own layout.
    noUnusedLocals: false,
  };
  const byFile = new Map(shown.map(({ file, code }) => [file, code]));
  const host = ts.createCompilerHost(settings);
  const disk = { ...host };
  host.fileExists = (file) => byFile.has(file) || disk.fileExists(file);
  host.readFile = (file) => byFile.get(file) ?? disk.readFile(file);
  host.getSourceFile = (file, version) => {
    const code = byFile.get(file);
    return code === undefined ? disk.getSourceFile(file, version) : ts.createSourceFile(file, code, version, true);
  };
  const program = ts.createProgram([...byFile.keys()], settings, host);
  return [...byFile.keys()].flatMap((file) => {
    const unit = program.getSourceFile(file);
    return [...program.getSemanticDiagnostics(unit), ...program.getSyntacticDiagnostics(unit)].map(
      ({ messageText, start = 0 }) => {
        const line = (unit?.getLineAndCharacterOfPosition(start).line ?? 0) + 1;
        return `${path.relative(repositoryRoot, file)}:${line} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
      },
    );
  });
}

test('the code a reader may copy compiles', { timeout: 120_000 }, () => {
  const shown = blocks();
  expect(shown.length).toBeGreaterThan(4);
  expect(complaints(shown)).toEqual([]);
});

test('code that does not compile is found', { timeout: 120_000 }, () => {
  const code = `import { openLedger } from 'taskledger';\nopenLedger({ conectionString: 'postgres://db' });\n`;
  const file = path.join(repositoryRoot, 'planted.md.block-1.ts');
  expect(complaints([{ file, code }])).toEqual([
    expect.stringMatching(/^planted\.md\.block-1\.ts:2 .*conectionString/),
  ]);
});
