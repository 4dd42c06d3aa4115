import { existsSync } from 'node:fs';
import * as modules from 'node:module';
import { fileURLToPath } from 'node:url';

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
  modules.register(`data:text/javascript,${encodeURIComponent(hookSource(own))}`);
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
