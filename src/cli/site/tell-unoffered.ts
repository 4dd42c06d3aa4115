import type { PluginProblem } from '../../ledger/offered.ts';
import { UNOFFERED_COUNT_MAX, type Unoffered } from '../../ledger/unoffered.ts';
import { printable } from '../printable.ts';
import type { Terminal } from '../terminal.ts';

/** What keeps tasks waiting: nobody takes them, or a plugin cannot be run as it is now. */
export interface Waiting {
  readonly unoffered: readonly Unoffered[];
  readonly problems: readonly PluginProblem[];
}

export function unofferedLines({ unoffered, problems }: Waiting, { colors }: Terminal): string[] {
  return [
    ...unoffered.map(({ why, tasks, since }) => {
      const count =
        tasks === UNOFFERED_COUNT_MAX ? `${tasks} tasks or more` : tasks === 1 ? '1 task' : `${tasks} tasks`;
      return colors.yellow(printable(`${count} since ${since.toISOString()}: ${why}.`));
    }),
    ...problems.map(({ runner, host, problem }) => colors.red(printable(`Runner ${runner} on ${host}: ${problem}`))),
  ];
}

export function unofferedJson({ unoffered, problems }: Waiting): object {
  return {
    unoffered: unoffered.map((each) => ({ ...each, since: each.since.toISOString() })),
    plugin_problems: problems,
  };
}
