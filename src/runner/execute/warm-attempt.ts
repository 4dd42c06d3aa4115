import { writeFileSync } from 'node:fs';
import type { Usage } from './execution.ts';
import type { WarmStart } from './messages.ts';
import { markVariable } from './process-tree.ts';
import { ownUsage } from './process-usage.ts';

/** Where a warm child is between attempts. */
const home = process.cwd();

/** In a warm child: makes the attempt's directory and mark those of the process. Returns what had been used before. */
export function enterAttempt({ directory, mark }: WarmStart): Usage {
  place(directory, { TMPDIR: directory, [markVariable]: mark });
  forgetLargestSize();
  return ownUsage();
}

/** Leaves the attempt's directory and marks the end of what it printed; resolves when that has been written. */
export async function leaveAttempt({ endOfOutput }: WarmStart): Promise<void> {
  place(home, { TMPDIR: home });
  // The first newline ends a line that the handler left unfinished.
  const text = `\n${endOfOutput}\n`;
  await Promise.all([process.stdout, process.stderr].map((out) => new Promise((resolve) => out.write(text, resolve))));
  // What the handler left to be done at once is done before the child says that it has done with the attempt.
  await new Promise((resolve) => setImmediate(resolve));
}

/** @param before undefined: since the process began */
export function usedSince(before: Usage | undefined): Usage {
  const { cpu_ms, max_rss_bytes } = ownUsage();
  return { cpu_ms: Math.max(0, cpu_ms - (before?.cpu_ms ?? 0)), max_rss_bytes };
}

function place(directory: string, variables: Readonly<Record<string, string>>): void {
  process.chdir(directory);
  // eslint-disable-next-line no-restricted-syntax -- what a child starts inherits it from here; nothing is read
  Object.assign(process.env, variables);
}

/** Linux forgets it on request; elsewhere it is that of the process since its start. */
function forgetLargestSize(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Said above.
  }
}
