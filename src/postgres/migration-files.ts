import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';

/** One SQL file of the package: its name without `.sql`, and its text. */
export interface SqlFile {
  readonly name: string;
  readonly text: string;
}

export interface FunctionFile extends SqlFile {
  /** SHA-256 of the text, in hex. */
  readonly digest: string;
}

/** What a release brings: forward-only migrations, and the functions as they are now. Both in the order of their names. */
export interface MigrationFiles {
  readonly migrations: readonly SqlFile[];
  readonly functions: readonly FunctionFile[];
  /** Counts the changes of the functions, so that releases can tell whose are newer. */
  readonly revision: number;
}

/** Which set of functions `functions/*.sql` is; `migrations/functions.json`, kept up to date by a unit test. */
export interface FunctionsRevision {
  readonly revision: number;
  /** `digestOfFunctions` of the files. */
  readonly digest: string;
}

// Two levels up both from src/postgres and from dist/postgres.
const packaged = new URL('../../migrations/', import.meta.url);

/** Reads the package's `migrations` directory. */
export async function readMigrationFiles(): Promise<MigrationFiles> {
  const [migrations, functions, { revision }] = await Promise.all([
    readSqlFiles(packaged),
    readSqlFiles(new URL('functions/', packaged)),
    readFunctionsRevision(),
  ]);
  return { migrations, functions: functions.map((file) => ({ ...file, digest: sha256(file.text) })), revision };
}

export async function readFunctionsRevision(): Promise<FunctionsRevision> {
  return JSON.parse(await readFile(new URL('functions.json', packaged), 'utf8')) as FunctionsRevision;
}

/** One SHA-256 over all functions, in hex: changes when any of them does. */
export function digestOfFunctions(functions: readonly FunctionFile[]): string {
  return sha256(functions.map(({ name, digest }) => `${name} ${digest}\n`).join(''));
}

async function readSqlFiles(directory: URL): Promise<SqlFile[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  const read = async (name: string): Promise<SqlFile> => ({
    name: name.slice(0, -'.sql'.length),
    text: await readFile(new URL(name, directory), 'utf8'),
  });
  return await Promise.all(names.map(read));
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
