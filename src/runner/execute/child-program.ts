import { fileURLToPath } from 'node:url';
import type { ChildIsolation } from '../../ledger/isolation.ts';
import { compiledModule } from '../compiled-module.ts';
import { childEnvironment } from './child-environment.ts';
import type { ChildEntry } from './messages.ts';
import { findsTaskledger } from './offer-taskledger.ts';
import { defaultGraceMs } from './stop-ladder.ts';

/** What is started as a child process, and what it is told to run there. Attempts of one program may share a child. */
export interface ChildProgram {
  readonly file: string;
  readonly args: readonly string[];
  /** All of it but what is the child's own: its TMPDIR and its mark. */
  readonly env: NodeJS.ProcessEnv;
  readonly entry: ChildEntry;
  /** How long an attempt may take to end after its signal aborted. */
  readonly graceMs: number;
}

const childModule = fileURLToPath(compiledModule(new URL('./attempt-child.ts', import.meta.url)));
const offers = new Map<string, boolean>();

/** The program of a handler in a module: this Node, with the environment as it is now. */
export function childProgram(isolation: ChildIsolation): ChildProgram {
  const { module, env, graceMs = defaultGraceMs } = isolation;
  return {
    file: process.execPath,
    args: [childModule],
    env: childEnvironment(env),
    entry: { module, offer: needsOffer(module) },
    graceMs,
  };
}

/** Two programs with the same key start the same. */
export function programKey({ file, args, env, entry }: ChildProgram): string {
  return JSON.stringify([file, args, Object.entries(env).sort(), Object.entries(entry).sort()]);
}

function needsOffer(module: string): boolean {
  const found = offers.get(module) ?? !findsTaskledger(module);
  offers.set(module, found);
  return found;
}
