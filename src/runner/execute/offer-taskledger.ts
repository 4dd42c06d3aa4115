import { existsSync } from 'node:fs';
import * as modules from 'node:module';
import { fileURLToPath } from 'node:url';
import { errorCodeOf } from '../../errors.ts';

let offered = false;

/**
 * Lets a handlers module say `import … from 'taskledger'` where no such package is installed beside it, as when the
 * command was started by npx or from a global installation: it then gets this one. An installed one goes first.
 */
export function offerTaskledger(): void {
  const own = new URL('../../index.js', import.meta.url).href;
  // Run from sources, there is nothing a module without TypeScript could load.
  if (offered || !existsSync(fileURLToPath(own))) return;
  offered = true;
  if ('registerHooks' in modules) offerHere(modules as unknown as NewerModule, own);
  else modules.register(`data:text/javascript,${encodeURIComponent(hookSource(own))}`);
}

/** What `node:module` has from Node 22.15 on, and the types of the oldest supported one do not know. */
interface NewerModule {
  registerHooks(hooks: { resolve(specifier: string, context: object, next: Resolve): object }): void;
}

type Resolve = (specifier: string, context: object) => object;

/** Without the thread that `register` starts for its hooks: 13 MB (Node 24) for as long as the process lives. */
function offerHere(newer: NewerModule, own: string): void {
  newer.registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        if (specifier === 'taskledger' && errorCodeOf(error) === 'ERR_MODULE_NOT_FOUND') return next(own, context);
        throw error;
      }
    },
  });
}

function hookSource(own: string): string {
  return `export async function resolve(specifier, context, next) {
    try {
      return await next(specifier, context);
    } catch (error) {
      if (specifier === 'taskledger' && error.code === 'ERR_MODULE_NOT_FOUND') return next(${JSON.stringify(own)}, context);
      throw error;
    }
  }`;
}

/** Whether a module there would find a package taskledger of its own. */
export function findsTaskledger(module: string): boolean {
  try {
    return modules.createRequire(module).resolve('taskledger') !== '';
  } catch {
    return false;
  }
}
