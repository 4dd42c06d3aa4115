import { LedgerError } from '../../errors.ts';
import type { PayloadFault } from '../../events/payload-faults.ts';
import type { RunningAttempt } from './execution.ts';
import { execFiles } from './exec-files.ts';
import { AttemptFailure } from './failure.ts';

/** What may stand in an argument. Other braces are the program's own, such as the `{}` of find. */
const placeholder = /\{(input(?:\.[\w-]+)+|input_file|output_file|task_id|attempt)\}/g;

/**
 * The arguments of a program, with values of the task where the manifest has places for them. A value is never a word or an
 * option of its own: there is no shell, and one that begins with a dash is refused where it would begin an argument.
 * @throws AttemptFailure INVALID_INPUT
 */
export function execArguments(
  templates: readonly string[],
  attempt: Pick<RunningAttempt, 'input' | 'taskId' | 'attempt' | 'name'>,
  directory: string,
): string[] {
  const faults: Omit<PayloadFault, 'limit'>[] = [];
  const { input, output } = execFiles(directory);
  const own: Readonly<Record<string, string>> = {
    input_file: input,
    output_file: output,
    task_id: attempt.taskId,
    attempt: String(attempt.attempt),
  };
  const filled = templates.map((template) =>
    template.replace(placeholder, (_whole, name: string, at: number) => {
      const value = own[name] ?? placedValue(attempt.input, name);
      const problem = problemOf(value, at === 0);
      if (problem !== undefined) faults.push({ path: name.replace('input', '$'), problem });
      return String(value);
    }),
  );
  if (faults.length > 0) throw refused(attempt.name, faults);
  return filled;
}

/** What the input holds at a place such as `input.file.name`; own properties alone. */
function placedValue(input: unknown, name: string): unknown {
  let value = input;
  for (const key of name.split('.').slice(1)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function problemOf(value: unknown, begins: boolean): string | undefined {
  if (value === undefined) return 'is missing, and an argument of the program needs it';
  const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  if (!isPlain) return 'is no text, number, true or false';
  return begins && String(value).startsWith('-') ? 'begins with a dash, as options of programs do' : undefined;
}

function refused(name: string, issues: readonly { readonly path: string; readonly problem: string }[]): AttemptFailure {
  const error = new LedgerError('TASKLEDGER_INVALID_INPUT', {
    expected: `the input of ${name} to hold what the arguments of its program need`,
    found: issues.map(({ path, problem }) => `${path} ${problem}`).join('; '),
    remedy: 'Submit a corrected task, or let the program read the input from its file',
    details: { issues },
  });
  return new AttemptFailure('INVALID_INPUT', error);
}
