import type { AttemptLog, LogFields, LogLevel } from '../../ledger/attempt-log.ts';
import { MAX_LOG_LINE_BYTES } from './log-tail.ts';

/** One line that a handler has logged. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields?: LogFields | undefined;
}

/** The log of a handler's context, which hands on what is written there in bounded pieces. */
export function attemptLog(write: (record: LogRecord) => void): AttemptLog {
  // Bound to nothing, since handlers take it apart.
  const at = (level: LogLevel) => (message: unknown, fields?: unknown) => write(logRecord(level, message, fields));
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** The line as it stands in a log tail: the message, and the fields as JSON. */
export function recordText({ message, fields }: LogRecord): string {
  return fields === undefined ? message : `${message} ${JSON.stringify(fields)}`;
}

/** Of whatever was passed: JavaScript passes anything, and a log must not make an attempt fail. */
function logRecord(level: LogLevel, message: unknown, fields: unknown): LogRecord {
  const text = cut(textOf(message));
  if (fields === undefined) return { level, message: text };
  const json = jsonOf(fields);
  if (json === undefined) return { level, message: `${text} (its fields are left out: no JSON object of text)` };
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_LOG_LINE_BYTES) return { level, message: `${text} (its fields are left out: ${bytes} bytes)` };
  return { level, message: text, fields: JSON.parse(json) as LogFields };
}

function textOf(value: unknown): string {
  try {
    if (value instanceof Error) return value.stack ?? value.message;
    return String(value);
  } catch {
    return '(no text)';
  }
}

/** Undefined for what is no object, holds itself, or has a number JSON cannot carry. */
function jsonOf(fields: unknown): string | undefined {
  try {
    const json = JSON.stringify(fields) as string | undefined;
    return json?.startsWith('{') === true ? json : undefined;
  } catch {
    return undefined;
  }
}

function cut(text: string): string {
  const bytes = Buffer.from(text.slice(0, MAX_LOG_LINE_BYTES + 1));
  if (bytes.length <= MAX_LOG_LINE_BYTES) return text;
  return `${bytes.subarray(0, MAX_LOG_LINE_BYTES).toString('utf8')} … (cut)`;
}
