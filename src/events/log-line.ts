/** One line of a `log_tail`, `TIME LEVEL STREAM TEXT` taken apart. */
export interface LogLine {
  /** ISO 8601, by the clock of the runner's machine. */
  readonly at: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly stream: 'stdout' | 'stderr' | 'log' | 'runner';
  readonly text: string;
}

const shape = /^(\d{4}-\d\d-\d\dT\S+) (debug|info|warn|error) (stdout|stderr|log|runner) (.*)$/s;

/** Undefined for what a runner of another make wrote in another way. */
export function parseLogLine(line: string): LogLine | undefined {
  const [, at, level, stream, text] = shape.exec(line) ?? [];
  if (at === undefined || text === undefined) return undefined;
  return { at, level: level as LogLine['level'], stream: stream as LogLine['stream'], text };
}
