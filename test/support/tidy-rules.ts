import ts from 'typescript';

/** A file of the repository; `path` is relative to its root and uses `/`. */
export interface TreeFile {
  readonly path: string;
  readonly text: string;
}

/** A rule looks at files and returns one sentence per finding, `path:line what`. */
export type TidyRule = (files: readonly TreeFile[]) => string[];

const limits = { fileLines: 300, functionLines: 70 } as const;

const isSource = ({ path }: TreeFile): boolean => path.startsWith('src/') && path.endsWith('.ts');
const isTest = ({ path }: TreeFile): boolean => path.endsWith('.test.ts');
const isMigration = ({ path }: TreeFile): boolean => /^migrations\/[^/]+\.sql$/.test(path);
const isSqlFunction = ({ path }: TreeFile): boolean => /^migrations\/functions\/.*\.sql$/.test(path);

export const filesAreShort: TidyRule = (files) =>
  files.filter(isSource).flatMap(({ path, text }) => {
    const lines = text.trimEnd().split('\n').length;
    return lines > limits.fileLines ? [`${path} has ${lines} lines; split it by thing, not by kind`] : [];
  });

export const functionsAreShort: TidyRule = (files) =>
  files.filter(isSource).flatMap(({ path, text }) => {
    const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
    const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line + 1;
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isFunctionLike(node)) {
        const from = lineOf(node.getStart(source));
        const lines = lineOf(node.end) - from + 1;
        if (lines > limits.functionLines)
          found.push(`${path}:${from} a function of ${lines} lines; give its steps names`);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
    return found;
  });

const saysNothing = /^(utils?|libs?|helpers?|common|types?|shared|misc)$/;

export const namesSaySomething: TidyRule = (files) =>
  files.flatMap(({ path }) =>
    path
      .split('/')
      .filter((part) => saysNothing.test(part.replace(/\..*$/, '')))
      .map((part) => `${path} "${part}" says nothing; name it after the thing it holds`),
  );

export const nothingIsLeftForLater: TidyRule = (files) =>
  eachLine(files, (line) =>
    /\b(TODO|FIXME|XXX)\b/.test(line) ? 'do it, or open an issue; the code is no list of plans' : undefined,
  );

export const noTestIsSkipped: TidyRule = (files) =>
  eachLine(files.filter(isTest), (line) =>
    /\b(it|test|describe|suite|bench)(\.\w+)*\.(skip|only|todo|fails)\b|\b(x|f)(it|test|describe)\(|\.skip\(/.test(line)
      ? 'a test is skipped, focused or expected to fail'
      : undefined,
  );

export const noMachineShowsThrough: TidyRule = (files) =>
  eachLine(files, (line, { path }) => {
    if (/(^|[\s"'`(=:<>])\/(work|root|home\/\w+|Users\/\w+)\//.test(line)) return 'an absolute path of one machine';
    if (/\/\/registry\.|\bregistry\.([\w-]+\.)+(org|com|net|io|dev|internal|local|lan|corp)\b/.test(line)) {
      return 'the host of a package registry';
    }
    if (path.endsWith('package-lock.json') && /"resolved":\s*"http/.test(line)) {
      return 'the lock file names a host; install with omit-lockfile-registry-resolved=true';
    }
    return undefined;
  });

export const disabledLintHasAReason: TidyRule = (files) =>
  eachLine(files, (line) => (/\/[/*] *eslint-disable(?!.* -- \S)/.test(line) ? 'say why: `-- because …`' : undefined));

export const migrationsOpenWithWhy: TidyRule = (files) =>
  files.filter(isMigration).flatMap(({ path, text }, index) => {
    const found: string[] = [];
    // A first line `--! …` is a mark for the migrator, not a comment.
    if (!/^(--!.*\n)?-- \S/.test(text)) found.push(`${path}:1 open with a comment that says why`);
    const number = String(index + 1).padStart(4, '0');
    if (!new RegExp(`/${number}_[a-z0-9_]+\\.sql$`).test(path))
      found.push(`${path} the next migration is ${number}_name.sql`);
    return found;
  });

export const sqlFunctionsTellTheirCost: TidyRule = (files) =>
  files.filter(isSqlFunction).flatMap(({ path, text }) => {
    const [header = ''] = text.split(/^create\b/im);
    return ['Locks', 'Index', 'Measured']
      .filter((word) => !new RegExp(`^-- *${word}: *\\S`, 'm').test(header))
      .map((word) => `${path}:1 the header lacks "-- ${word}: …" (a function that has none says "none")`);
  });

/** Every SQLSTATE of ours raised in SQL has an error code, and the other way round. */
export function sqlStatesMatch(files: readonly TreeFile[], known: readonly string[]): string[] {
  const sql = files.filter((file) => isMigration(file) || isSqlFunction(file));
  const raised = new Map(
    sql.flatMap(({ path, text }) => [...text.matchAll(/'(TL\d{3})[':]/g)].map(([, state]) => [state, path])),
  );
  const unknown = [...raised].filter(([state]) => !known.includes(state ?? ''));
  return [
    ...unknown.map(([state, path]) => `${path} raises ${state}, which no error code in src/errors.ts carries`),
    ...known
      .filter((state) => !raised.has(state))
      .map((state) => `src/errors.ts names ${state}, which no migration raises`),
  ];
}

/** Names that begin like our error codes but are settings: they are listed in src/config.ts. */
const isSetting = (files: readonly TreeFile[], name: string): boolean =>
  name === 'TASKLEDGER_DATABASE_URL' || files.some(({ path, text }) => path === 'src/config.ts' && text.includes(name));

export function errorCodesExist(files: readonly TreeFile[], known: readonly string[]): string[] {
  const speaking = files.filter(({ path }) => /^(src|docs|bin|examples)\/|^[A-Z]+\.md$/.test(path));
  return eachLine(speaking, (line) => {
    const names = line.match(/\bTASKLEDGER_[A-Z][A-Z_]*[A-Z]\b/g) ?? [];
    const unknown = names.find((name) => !known.includes(name) && !isSetting(files, name));
    return unknown === undefined ? undefined : `${unknown} is neither in errorCodes nor a setting in src/config.ts`;
  });
}

export function eachLine(
  files: readonly TreeFile[],
  judge: (line: string, file: TreeFile) => string | undefined,
): string[] {
  return files.flatMap((file) =>
    file.text.split('\n').flatMap((line, index) => {
      const verdict = judge(line, file);
      return verdict === undefined ? [] : [`${file.path}:${index + 1} ${verdict}`];
    }),
  );
}
