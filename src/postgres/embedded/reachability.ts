import { dirname } from 'node:path';
import { runShell } from './run-command.ts';
import type { ServerAccount } from './server-account.ts';

/**
 * The first directory on the way to `path`, or `path` itself, that the account may not enter; undefined if none.
 * Asks the kernel as that account instead of judging mode bits, so that ACLs and the like count.
 */
export async function findBlockedDirectory(
  path: string,
  account: ServerAccount | undefined,
): Promise<string | undefined> {
  const ways = [path];
  for (let at = path; dirname(at) !== at; at = dirname(at)) ways.unshift(dirname(at));
  const script = 'for way; do [ -x "$way" ] || { printf %s "$way"; exit 1; }; done';
  const { code, output } = await runShell(script, ways, account);
  return code === 0 ? undefined : output;
}

/** Whether the account may read (and, for `-x`, run or enter) every one of these files. */
export async function canUse(
  files: readonly string[],
  test: '-r' | '-x',
  account: ServerAccount | undefined,
): Promise<boolean> {
  const script = 'test=$1; shift; for file; do [ "$test" "$file" ] || exit 1; done';
  return (await runShell(script, [test, ...files], account)).code === 0;
}
