import type { Runner } from '../runner/runner.ts';

/** From now on SIGHUP makes these runners read their plugins again. What is wrong with them is told by signals. */
export function reloadOnHangup(runners: readonly Runner[]): void {
  process.on('SIGHUP', () => {
    for (const runner of runners) void runner.reload();
  });
}
