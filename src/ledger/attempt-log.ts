/** How much a line of a log matters. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Particulars of a line, for programs; JSON. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * What a handler writes down while it runs: `log.info('sent', { bytes: 12 })`. The last lines enter the event of the
 * attempt's outcome, `taskledger watch` shows them at once, and each is a signal of the runner. Never throws. What is
 * written is not encoded by a codec.
 */
export type AttemptLog = Readonly<Record<LogLevel, (message: string, fields?: LogFields) => void>>;
