import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { LedgerError } from '../../errors.ts';
import type { Handler } from '../../ledger/define-task.ts';
import { findManifests } from './find-manifests.ts';
import { handlersOfPlugin } from './handlers-of-plugin.ts';
import { pathText, type ManifestProblem } from './manifest-problem.ts';
import { environmentOf, secretFilesOf, type PluginEnvironment } from './plugin-environment.ts';
import { pluginText, readManifest, type Plugin } from './read-manifest.ts';

/** A plugin that can be run. */
export interface InstalledPlugin extends Plugin {
  readonly env: PluginEnvironment;
  readonly handlers: readonly Handler[];
}

interface InstalledOptions {
  /** Task names that are not for plugins, since a handler in a module has them. */
  readonly taken?: readonly string[];
  /** Without them none is looked for, and nothing can be run. Default: with them. */
  readonly secrets?: boolean;
  /** Refuses handlers that cannot be run here. @throws LedgerError */
  readonly admit?: (handlers: readonly Handler[]) => Promise<void>;
}

export interface PluginsRead {
  /** `payouts@2.3.0`, also when only its manifest or its environment changed. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly problems: readonly ManifestProblem[];
}

/**
 * The plugins in some directories, as they were found the last time. A manifest that is wrong now and was right before counts
 * as it was: a broken deployment leaves what works at work.
 */
export class InstalledPlugins {
  readonly #directories: readonly string[];
  /** By the manifest's file. */
  #plugins: ReadonlyMap<string, InstalledPlugin> = new Map();
  #secretFiles: readonly string[] = [];

  readonly #options: InstalledOptions;

  constructor(directories: readonly string[], options: InstalledOptions = {}) {
    this.#directories = directories.map((directory) => resolve(directory));
    this.#options = options;
  }

  get plugins(): readonly InstalledPlugin[] {
    return [...this.#plugins.values()];
  }

  /** All that decides what they are: manifests, wherever there are any now, and files of secrets. */
  async files(): Promise<string[]> {
    const { files } = await this.#find();
    return [...files, ...this.#secretFiles];
  }

  /** Looks again. Never throws: what is wrong is in the answer, every problem of every manifest. */
  async read(): Promise<PluginsRead> {
    const before = this.#plugins;
    const { files, problems } = await this.#find();
    const read = await Promise.all(files.map(async (file) => await this.#install(file, before.get(file))));
    const found = new Map<string, InstalledPlugin>();
    // What is unchanged goes first: of two that exclude each other, the newcomer is refused.
    for (const { plugin, problems: wrong } of [...read].sort(unchangedFirst(before))) {
      problems.push(...wrong);
      if (plugin === undefined) continue;
      const conflicts = [...this.#takenFrom(plugin), ...conflictsOf(plugin, [...found.values()])];
      problems.push(...conflicts);
      if (conflicts.length === 0) found.set(plugin.file, plugin);
    }
    this.#plugins = found;
    // Also of what is refused: it may be for a secret that is put there later.
    this.#secretFiles = read.flatMap(({ secretFiles }) => secretFiles);
    const gone = [...before.values()].filter((plugin) => found.get(plugin.file) !== plugin);
    const come = [...found.values()].filter((plugin) => before.get(plugin.file) !== plugin);
    return { added: come.map(pluginText), removed: gone.map(pluginText), problems };
  }

  /** The very same object when nothing about it has changed: its warm processes stay. */
  async #install(file: string, before: InstalledPlugin | undefined): Promise<Read> {
    const read = await readManifest(file);
    if ('problems' in read)
      return { plugin: before, ...read, secretFiles: before === undefined ? [] : secretFilesOf(before) };
    const { plugin } = read;
    const secretFiles = secretFilesOf(plugin);
    const { secrets = true } = this.#options;
    const environment = secrets ? await environmentOf(plugin) : { env: {} };
    if ('problems' in environment) return { plugin: before, ...environment, secretFiles };
    const { env } = environment;
    const { digest, directory } = plugin;
    const isSame = before?.digest === digest && before.directory === directory && isDeepStrictEqual(before.env, env);
    if (isSame) return { plugin: before, problems: [], secretFiles };
    const now = { ...plugin, env, handlers: handlersOfPlugin(plugin, env) };
    const problems = await this.#refused(now);
    return { plugin: problems.length === 0 ? now : before, problems, secretFiles };
  }

  async #refused({ file, handlers }: InstalledPlugin): Promise<ManifestProblem[]> {
    try {
      await this.#options.admit?.(handlers);
      return [];
    } catch (error) {
      return [problemOfError(error, file)];
    }
  }

  #takenFrom({ file, manifest }: Plugin): ManifestProblem[] {
    const { taken = [] } = this.#options;
    const names = taken.filter((name) => Object.hasOwn(manifest.tasks, name));
    const found = 'one of a handlers module of this runner';
    return names.map((name) => taskProblem(file, name, found));
  }

  async #find(): Promise<{ readonly files: readonly string[]; readonly problems: ManifestProblem[] }> {
    const files = new Set<string>();
    const problems: ManifestProblem[] = [];
    for (const directory of this.#directories) {
      try {
        for (const file of await findManifests(directory)) files.add(file);
      } catch (error) {
        problems.push(problemOfError(error, directory));
        for (const file of this.#plugins.keys()) if (file.startsWith(directory)) files.add(file);
      }
    }
    return { files: [...files], problems };
  }
}

/** @throws what is no error of ours */
function problemOfError(error: unknown, file: string): ManifestProblem {
  if (!(error instanceof LedgerError)) throw error;
  const { expected, found, remedy } = error;
  return { file, path: '', expected, found, remedy };
}

interface Read {
  readonly plugin: InstalledPlugin | undefined;
  readonly problems: readonly ManifestProblem[];
  readonly secretFiles: readonly string[];
}

function unchangedFirst(before: ReadonlyMap<string, InstalledPlugin>): (a: Read, b: Read) => number {
  const rank = ({ plugin }: Read): number => (plugin !== undefined && before.get(plugin.file) === plugin ? 0 : 1);
  return (a, b) => rank(a) - rank(b);
}

function conflictsOf(plugin: Plugin, others: readonly Plugin[]): ManifestProblem[] {
  const { file, manifest } = plugin;
  const twin = others.find((other) => pluginText(other) === pluginText(plugin));
  if (twin !== undefined) {
    const found = `${pluginText(plugin)}, which is also ${twin.file}`;
    return [
      { file, path: 'version', expected: 'another version', found, remedy: 'Remove one of them, or raise the version' },
    ];
  }
  return Object.keys(manifest.tasks).flatMap((name) => {
    const other = others.find((each) => each.name !== plugin.name && Object.hasOwn(each.manifest.tasks, name));
    if (other === undefined) return [];
    return [taskProblem(file, name, `one of plugin ${other.name}, in ${other.file}`)];
  });
}

function taskProblem(file: string, name: string, found: string): ManifestProblem {
  const remedy = 'Remove one of them, or give it another name';
  return { file, path: pathText(['tasks', name]), expected: 'a task that nothing else offers', found, remedy };
}
