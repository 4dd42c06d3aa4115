import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Handler } from '../../ledger/define-task.ts';
import type { PluginProgram } from '../../ledger/plugin-program.ts';
import { compiledModule } from '../compiled-module.ts';
import { pluginProgram } from '../execute/plugin-program.ts';
import type { InstalledPlugin } from './installed-plugins.ts';
import { pathText, type ManifestProblem } from './manifest-problem.ts';

const loadedWithinMs = 60_000;
const shownMax = 500;
const keptMax = 65_536;
/** Shorter values would blacken words that are no secrets. */
const shortestSecret = 4;

const loadModule = fileURLToPath(compiledModule(new URL('./load-module.ts', import.meta.url)));

const loadPython = `
import importlib, json, sys
if sys.version_info < (3, 9):
    sys.exit("this is Python %d.%d, and it takes 3.9 or newer" % sys.version_info[:2])
paths, name = json.loads(sys.argv[1])
sys.path[:1] = paths
module, _, function = name.partition(":")
try:
    found = getattr(importlib.import_module(module), function, None)
except BaseException as error:
    sys.exit("%s: %s" % (type(error).__name__, str(error).replace("\\n", " ")))
if not callable(found):
    sys.exit("module %s has no function %s" % (module, function))
`;

/** Loads every function of a plugin in its own runtime, with its environment, and says which of them cannot be. */
export async function loadProblems(plugin: InstalledPlugin): Promise<ManifestProblem[]> {
  const problems: ManifestProblem[] = [];
  const tried = new Map<string, string | undefined>();
  for (const { definition, isolation } of plugin.handlers) {
    const program = programIn(isolation);
    if (program?.function === undefined) continue;
    const key = `${program.function} ${program.runtime === 'node' ? definition.name : ''}`;
    if (!tried.has(key)) tried.set(key, await whyNotLoaded(program, definition.name));
    const found = tried.get(key);
    if (found === undefined) continue;
    const path = pathText(['tasks', definition.name, 'function']);
    const expected = `${JSON.stringify(program.function)} to load`;
    problems.push({ file: plugin.file, path, expected, found, remedy: 'Correct it, or install what it needs' });
  }
  return problems;
}

function programIn(isolation: Handler['isolation']): PluginProgram | undefined {
  return isolation !== undefined && 'program' in isolation ? isolation.program : undefined;
}

async function whyNotLoaded(program: PluginProgram, task: string): Promise<string | undefined> {
  const { file, args, env } = pluginProgram(program, 0);
  // The last of the arguments is the program that runs attempts: here another one takes its place.
  const child = spawn(file, [...args.slice(0, -1), ...loader(program, task, args.at(-1) ?? '')], {
    env,
    cwd: tmpdir(),
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: loadedWithinMs,
    killSignal: 'SIGKILL',
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-keptMax)));
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (code === 0) return undefined;
    const last = withoutValues(said, program.env).trimEnd().split('\n').at(-1) ?? '';
    const ended = signal === null ? `exit status ${code ?? ''}` : signal === 'SIGKILL' ? 'no end' : signal;
    return last === '' ? `${ended}, without a word` : last.slice(0, shownMax).replace(/\.$/, '');
  } catch (error) {
    return `that ${file} does not start (${String((error as NodeJS.ErrnoException).code)})`;
  }
}

function loader(
  { runtime, function: name = '', path, directory }: PluginProgram,
  task: string,
  replaced: string,
): string[] {
  if (runtime === 'node') {
    const [module = '', exported = ''] = name.split('#');
    return [loadModule, resolve(directory, module), exported, task];
  }
  // The package that children bring along lies beside their program.
  const paths = [...path.map((one) => resolve(directory, one)), join(dirname(replaced), 'src')];
  return ['-c', loadPython, JSON.stringify([paths, name])];
}

/** What a module says when it fails may quote what it was given. */
function withoutValues(text: string, env: Readonly<Record<string, string>>): string {
  return Object.values(env)
    .filter((value) => value.length >= shortestSecret)
    .reduce((rest, value) => rest.replaceAll(value, '***'), text);
}
