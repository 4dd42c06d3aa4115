import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { inheritedEnvironment } from '../../config.ts';
import { pathText, type ManifestProblem } from './manifest-problem.ts';
import { MAX_VALUE_LENGTH, type EnvironmentValue } from './manifest-schema.ts';
import type { Plugin } from './read-manifest.ts';

/** What the processes of a plugin are given. Its values go there and nowhere else: they may be secrets. */
export type PluginEnvironment = Readonly<Record<string, string>>;

export type FoundEnvironment = { readonly env: PluginEnvironment } | { readonly problems: readonly ManifestProblem[] };

/** Looks up what the manifest names, or tells what is not there. Never throws. */
export async function environmentOf(plugin: Plugin): Promise<FoundEnvironment> {
  const values: Record<string, string> = {};
  const problems: ManifestProblem[] = [];
  for (const [name, value] of Object.entries(plugin.manifest.env ?? {})) {
    const found = await valueOf(value, plugin.directory);
    if (typeof found === 'string') values[name] = found;
    else problems.push({ file: plugin.file, path: pathText(['env', name]), ...found });
  }
  return problems.length > 0 ? { problems } : { env: values };
}

/** The files its secrets are in. */
export function secretFilesOf({ manifest, directory }: Plugin): string[] {
  return Object.values(manifest.env ?? {}).flatMap((value) =>
    typeof value === 'object' && 'fromFile' in value ? [resolve(directory, value.fromFile)] : [],
  );
}

type Missing = Pick<ManifestProblem, 'expected' | 'found' | 'remedy'>;

async function valueOf(value: EnvironmentValue, directory: string): Promise<string | Missing> {
  if (typeof value === 'string') return value;
  return 'fromEnv' in value ? fromEnvironment(value.fromEnv) : await fromFile(resolve(directory, value.fromFile));
}

function fromEnvironment(name: string): string | Missing {
  const value = inheritedEnvironment([name])[name];
  if (value !== undefined && value !== '') return value;
  return {
    expected: `the runner's environment to have ${name}`,
    found: value === undefined ? 'no such variable' : 'that it is set to nothing',
    remedy: 'Set it where the runner is started',
  };
}

async function fromFile(file: string): Promise<string | Missing> {
  const wrong = (expected: string, found: string): Missing => ({
    expected,
    found,
    remedy: 'Correct the file or the path',
  });
  try {
    const { size } = await stat(file);
    if (size > MAX_VALUE_LENGTH) return wrong(`at most ${MAX_VALUE_LENGTH} bytes in ${file}`, String(size));
    const value = (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
    if (value === '') return wrong(`a value in ${file}`, 'an empty file');
    return value.includes('\0') ? wrong(`text in ${file}`, 'a NUL in it') : value;
  } catch (error) {
    return wrong(
      `a file this user can read at ${file}`,
      `that reading it fails (${String((error as NodeJS.ErrnoException).code)})`,
    );
  }
}
