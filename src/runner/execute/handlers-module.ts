import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { LedgerError } from '../../errors.ts';
import type { Handler } from '../../ledger/define-task.ts';
import { isHandler } from '../../ledger/is-handler.ts';
import type { Callable } from './callable.ts';

/**
 * The handlers a JavaScript file exports, under any name, alone or in arrays.
 * @throws LedgerError TASKLEDGER_HANDLERS_INVALID
 */
export async function handlersOf(file: string): Promise<Handler[]> {
  const exported = await exportsOf(file);
  const handlers = Object.values(exported).flatMap(handlersIn);
  if (handlers.length > 0) return handlers;
  const names = Object.keys(exported);
  throw invalid(
    `${file} to export handlers`,
    names.length === 0 ? 'no exports' : `no handler among its exports ${names.slice(0, 10).join(', ')}`,
    'Export what definition.handle(…) returns: export const hello = defineTask({ name: … }).handle(…)',
  );
}

/**
 * The handler of a task that a module exports.
 * @param module a file URL or an absolute path
 * @throws LedgerError TASKLEDGER_HANDLERS_INVALID
 */
export async function handlerNamed(module: string, name: string): Promise<Handler> {
  const file = fileAt(module);
  const found = new Set((await handlersOf(file)).filter((handler) => handler.definition.name === name));
  const [handler] = found;
  if (handler !== undefined && found.size === 1) return handler;
  throw invalid(
    `${file} to export one handler of ${name}`,
    found.size === 0 ? 'none' : `${found.size} different ones`,
    'Export it from the module that the isolation of the handler names, under any name',
  );
}

/**
 * All handlers of a module.
 * @param module a file URL or an absolute path
 * @throws LedgerError TASKLEDGER_HANDLERS_INVALID
 */
export function handlersAt(module: string): Promise<Handler[]> {
  return handlersOf(fileAt(module));
}

function fileAt(module: string): string {
  return module.startsWith('file:') ? fileURLToPath(module) : module;
}

/**
 * The handler that a module exports under a name: what `definition.handle(…)` returned, or a plain function.
 * @throws LedgerError TASKLEDGER_HANDLERS_INVALID
 */
export async function handlerExported(file: string, name: string, task: string): Promise<Callable> {
  const exported = await exportsOf(file);
  const found = exported[name] ?? (exported['default'] as Record<string, unknown> | undefined)?.[name];
  if (isHandler(found) && found.definition.name === task) return found;
  if (typeof found === 'function') {
    const definition = { name: task, input: undefined, output: undefined, retryable: undefined };
    return { definition, run: found as Callable['run'] };
  }
  throw invalid(
    `${file} to export ${name}, a function or the handler of ${task}`,
    isHandler(found) ? `the handler of ${found.definition.name}` : found === undefined ? 'none' : `a ${typeof found}`,
    'Correct the name behind the # in the manifest, or export it',
  );
}

/**
 * That every handler which runs in child processes can be found there. The code of plugins is loaded in their children only.
 * @throws LedgerError TASKLEDGER_HANDLERS_INVALID
 */
export async function requireProcessHandlers(handlers: Iterable<Handler>): Promise<void> {
  for (const { definition, isolation } of handlers) {
    if (isolation === undefined) continue;
    if (process.platform === 'win32') {
      throw invalid(
        `a system with process groups for a handler with isolation ${isolation.isolation}`,
        `Windows, for ${definition.name}`,
        'Run it inline there, or run it elsewhere',
      );
    }
    if ('module' in isolation) await handlerNamed(isolation.module, definition.name);
  }
}

async function exportsOf(file: string): Promise<Record<string, unknown>> {
  if (!existsSync(file)) {
    throw invalid(
      `a handlers module at ${file}`,
      'no such file',
      'Check the path; a relative one is taken from the current directory',
    );
  }
  refuseUnreadableTypeScript(file);
  return importModule(file);
}

async function importModule(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (cause) {
    throw invalid(`${file} to load`, problemOf(cause, file), remedyFor(cause), cause);
  }
}

function problemOf(cause: unknown, file: string): string {
  if (!(cause instanceof Error)) return `that it throws ${String(cause)}`;
  return `${cause.name}: ${cause.message}${cause instanceof SyntaxError ? placeOf(file) : ''}`;
}

/** A syntax error does not tell where it is; Node does, when asked to check the file. Empty if it is in what it imports. */
function placeOf(file: string): string {
  const { stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8' });
  const line = /:(\d+)$/m.exec(stderr)?.[1];
  return line === undefined ? '' : ` at ${file}:${line}`;
}

function remedyFor(cause: unknown): string {
  if (cause instanceof SyntaxError)
    return 'Mend the module; an ES module is named .mjs, or lies beside a package.json with "type": "module"';
  if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND') {
    return 'Install the package it imports, or correct the path';
  }
  return 'Mend what the module does while it is loaded';
}

function refuseUnreadableTypeScript(file: string): void {
  // In `process.features` since Node 22.10, where it can also be switched off.
  const { typescript } = process.features as { readonly typescript?: string | false };
  if (!/\.[cm]?ts$/.test(file) || (typescript !== undefined && typescript !== false)) return;
  throw invalid(
    'a module this Node can load',
    `${file}, TypeScript, and Node ${process.version}`,
    'Compile it to JavaScript and name that file, or use Node 22.18 or newer',
  );
}

/** A CommonJS module arrives as one object, its exports, under `default`. */
function handlersIn(exported: unknown): Handler[] {
  if (isHandler(exported)) return [exported];
  if (Array.isArray(exported)) return exported.flatMap(handlersIn);
  if (typeof exported !== 'object' || exported === null) return [];
  return (Object.values(exported) as unknown[]).flat().filter(isHandler);
}

function invalid(expected: string, found: string, remedy: string, cause?: unknown): LedgerError {
  return new LedgerError('TASKLEDGER_HANDLERS_INVALID', { expected, found, remedy, cause });
}
