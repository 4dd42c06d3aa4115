import { poolRanges } from '../../ledger/isolation.ts';
import { pathText, type ManifestProblem } from './manifest-problem.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * What no key says alone: what a runtime needs, what goes together. Looks at whatever is there, right or wrong, so that it is
 * reported together with what the schema finds.
 */
export function crossProblems(given: unknown, file: string): ManifestProblem[] {
  if (!isObject(given)) return [];
  const { runtime, command, tasks } = given;
  const ofTasks = isObject(tasks) ? Object.entries(tasks).flatMap(([name, task]) => ofTask(runtime, name, task)) : [];
  const hasOwn = (task: unknown): boolean => isObject(task) && task['command'] !== undefined;
  const needsCommand =
    runtime === 'exec' && command === undefined && !(isObject(tasks) && Object.values(tasks).every(hasOwn));
  const missing = needsCommand
    ? [at(['command'], 'a command here or in each task, since the runtime is exec', 'nothing', 'Add it')]
    : [];
  const isPathIdle = given['path'] !== undefined && (runtime === 'node' || runtime === 'exec');
  const idle = isPathIdle ? [at(['path'], 'a path only where the runtime is python', 'one', 'Leave it out')] : [];
  return [...missing, ...idle, ...ofTasks].map((problem) => ({ file, ...problem }));
}

type Found = Omit<ManifestProblem, 'file'>;

function ofTask(runtime: unknown, name: string, task: unknown): Found[] {
  if (!isObject(task)) return [];
  const path = ['tasks', name];
  const isPool = task['isolation'] === 'pool';
  const limits = isPool ? [] : Object.keys(poolRanges).filter((limit) => task[limit] !== undefined);
  return [
    ...functionProblems(runtime, [...path, 'function'], task['function']),
    ...(runtime !== 'exec' && task['command'] !== undefined
      ? [
          at(
            [...path, 'command'],
            'a command of a task only where the runtime is exec',
            'one',
            'Name it for the whole plugin',
          ),
        ]
      : []),
    ...(runtime === 'exec' && isPool
      ? [at([...path, 'isolation'], '"process", since the runtime is exec', '"pool"', 'Leave it out')]
      : []),
    ...limits.map((limit) =>
      at(
        [...path, limit],
        '"isolation": "pool" beside it',
        'an attempt in a process of its own',
        'Add it, or leave this out',
      ),
    ),
  ];
}

const forms: ReadonlyMap<unknown, readonly [RegExp, string]> = new Map([
  ['node', [/^[^#]+\.[cm]?[jt]s#[A-Za-z_$][\w$]*$/, 'a module and what it exports, such as "dist/tasks.mjs#settle"']],
  [
    'python',
    [/^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$/, 'a module and its function, such as "payouts.tasks:settle"'],
  ],
]);

function functionProblems(runtime: unknown, path: readonly string[], called: unknown): Found[] {
  const form = forms.get(runtime);
  if (runtime === 'exec' && called !== undefined) {
    return [at(path, 'no function, since the runtime is exec: the command is what is run', 'one', 'Leave it out')];
  }
  if (form === undefined) return [];
  const [pattern, expected] = form;
  if (called === undefined) return [at(path, expected, 'nothing', 'Add it')];
  if (typeof called !== 'string' || pattern.test(called)) return [];
  return [at(path, expected, JSON.stringify(called.slice(0, 60)), 'Correct it')];
}

function at(path: readonly string[], expected: string, found: string, remedy: string): Found {
  return { path: pathText(path), expected, found, remedy };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
