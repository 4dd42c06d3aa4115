import type { ChildLimits } from '../../ledger/child-limits.ts';
import type { ChildEntry } from './messages.ts';

/** What is started as a child process. */
export interface ChildProgram {
  readonly file: string;
  readonly args: readonly string[];
  /** All of it but what is the child's own: its TMPDIR and its mark. */
  readonly env: NodeJS.ProcessEnv;
  /** How long an attempt may take to end after its signal aborted. */
  readonly graceMs: number;
  /** What an attempt may use; undefined: whatever the machine has. */
  readonly limits?: ChildLimits | undefined;
}

/** One that speaks the messages of `messages.ts`. Attempts of one such program may share a child. */
export interface SpeakingProgram extends ChildProgram {
  /** What it is told to run. */
  readonly entry: ChildEntry;
  /** Of the plugin's manifest. */
  readonly digest?: string;
}

/** Two programs with the same key start the same. */
export function programKey({ file, args, env, entry, digest, limits }: SpeakingProgram): string {
  return JSON.stringify([file, args, Object.entries(env).sort(), Object.entries(entry).sort(), digest, limits]);
}
