import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { TreeFile } from './tidy-rules.ts';

export const repositoryRoot = path.resolve(import.meta.dirname, '../..');

/** Every text file that is, or is about to be, under version control. */
export function repositoryFiles(): TreeFile[] {
  return repositoryPaths()
    .filter((file) => existsSync(path.join(repositoryRoot, file)))
    .sort()
    .map((file) => ({ path: file, text: readFileSync(path.join(repositoryRoot, file), 'utf8') }))
    .filter(({ text }) => !text.includes('\0'));
}

function repositoryPaths(): string[] {
  try {
    const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
    const output = execFileSync('git', list, {
      cwd: repositoryRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return output.split('\0').filter((name) => name !== '');
  } catch {
    // A downloaded archive has no version control: everything that is not installed or built was in it.
    return walk('');
  }
}

function walk(folder: string): string[] {
  const skipped = ['.git', '.taskledger', 'coverage', 'dist', 'node_modules'];
  return readdirSync(path.join(repositoryRoot, folder), { withFileTypes: true })
    .filter(({ name }) => !skipped.includes(name))
    .flatMap((entry) => {
      const name = path.posix.join(folder, entry.name);
      return entry.isDirectory() ? walk(name) : entry.isFile() ? [name] : [];
    });
}
