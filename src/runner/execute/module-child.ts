import { fileURLToPath } from 'node:url';
import { compiledModule } from '../compiled-module.ts';
import type { ModuleEntry } from './messages.ts';
import { findsTaskledger } from './offer-taskledger.ts';

/** The program that runs handlers of JavaScript modules in a child process. */
export const moduleChildFile = fileURLToPath(compiledModule(new URL('./attempt-child.ts', import.meta.url)));

const offers = new Map<string, boolean>();

/** What that program is told to run. @param name under which the module exports the handler, if it is not looked for */
export function moduleEntry(module: string, name?: string): ModuleEntry {
  const offer = offers.get(module) ?? !findsTaskledger(module);
  offers.set(module, offer);
  return { module, offer, ...(name === undefined ? {} : { export: name }) };
}
