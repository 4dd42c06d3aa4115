import pino, { type DestinationStream, type Logger } from 'pino';
import { readConfig } from '../config.ts';
import type { Signal, SignalName, Signals } from '../signals.ts';
import { printable } from './printable.ts';
import { withoutSecrets } from './without-secrets.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';

/** How loud each signal is. What comes with every task or claim is for debugging; what was lost or failed is a warning. */
const levels: Readonly<Record<SignalName, Level>> = {
  'migrate.applied': 'info',
  'postgres.started': 'info',
  'postgres.stopped': 'info',
  'postgres.leftover_removed': 'info',
  'connection.lost': 'warn',
  'connection.restored': 'info',
  'submit.recorded': 'debug',
  'runner.started': 'info',
  'runner.limits': 'info',
  'runner.draining': 'info',
  'runner.stopped': 'info',
  'plugins.installed': 'info',
  'plugins.refused': 'error',
  'runner.woken': 'debug',
  'exchange.begun': 'debug',
  'claim.granted': 'debug',
  'settle.recorded': 'debug',
  'claim.renewed': 'debug',
  'claim.lost': 'warn',
  'attempt.started': 'debug',
  'attempt.ended': 'debug',
  'attempt.logged': 'info',
  'log.watched': 'debug',
  'log.unwatched': 'debug',
  'claim.recalled': 'info',
  'attempt.refused': 'warn',
  'verify.started': 'debug',
  'verify.ended': 'info',
  'progress.begun': 'debug',
  'progress.answered': 'debug',
  'sweep.begun': 'debug',
  'sweep.done': 'debug',
  'seal.leading': 'info',
  'seal.step': 'debug',
  'seal.done': 'debug',
  'projection.begun': 'debug',
  'projection.advanced': 'debug',
  'projection.failed': 'error',
  'projection.switched': 'info',
  'block.proven': 'debug',
  'stream.halted': 'error',
  'stream.resumed': 'info',
  'stream.pulled': 'info',
  'block.altered': 'error',
  'block.restored': 'info',
  'block.repaired': 'warn',
  'block.disputed': 'error',
  'site.recovering': 'error',
  'site.recovered': 'warn',
  'requests.begun': 'debug',
  'requests.answered': 'info',
  'link.subscribed': 'info',
  'service.failed': 'warn',
  'service.recovered': 'info',
  'daemon.started': 'info',
  'daemon.stopped': 'info',
};

/** The level of one signal: a sweep that found something, or an attempt that failed, is worth more than one that did not. */
function levelOf(signal: Signal): Level {
  if (signal.name === 'sweep.done' && signal.data.expired > 0) return 'warn';
  if (signal.name === 'sweep.done' && signal.data.missed > 0) return 'info';
  if (signal.name === 'attempt.ended' && signal.data.outcome === 'failed') return 'info';
  if (signal.name === 'attempt.logged') return signal.data.level;
  return levels[signal.name];
}

/**
 * A logger to stderr: JSON lines, or short text on a terminal. `LOG_LEVEL` chooses how much.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION when it is none
 */
export function openLogger(): Logger {
  const level = readConfig('LOG_LEVEL');
  return loggerTo(process.stderr.isTTY ? textLines : pino.destination({ fd: 2, sync: true }), level);
}

export function loggerTo(destination: DestinationStream, level: string): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
}

/**
 * Logs every signal until the returned function is called. No payload is in a signal, unless a handler logs one; connection
 * strings are hidden.
 * @param where said with each, unless the signal says it
 */
export function logSignals(signals: Signals, logger: Logger, where: { readonly site?: string } = {}): () => void {
  return signals.subscribe((signal) => {
    const level = levelOf(signal);
    if (logger.isLevelEnabled(level)) logger[level]({ ...where, ...withoutSecretsIn(signal.data) }, signal.name);
  });
}

function withoutSecretsIn(data: object): object {
  const entries = Object.entries(data) as [string, unknown][];
  return Object.fromEntries(entries.map(([key, value]) => [key, hidden(value)]));
}

function hidden(value: unknown): unknown {
  if (typeof value === 'string') return withoutSecrets(value);
  if (Array.isArray(value)) return value.map(hidden);
  return typeof value === 'object' && value !== null ? withoutSecretsIn(value) : value;
}

/** For a person: `19:32:01 warn  claim.lost runner=a tasks=3`. */
const textLines: DestinationStream = {
  write: (line) => {
    process.stderr.write(`${textLine(line)}\n`);
  },
};

export function textLine(line: string): string {
  const { level, time, pid: _pid, msg, ...data } = JSON.parse(line) as Record<string, unknown>;
  const facts = Object.entries(data).map(([key, value]) => `${key}=${factText(value)}`);
  return printable(`${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${[String(msg), ...facts].join(' ')}`);
}

function factText(value: unknown): string {
  if (Array.isArray(value) && value.length > 4) return `(${value.length})`;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
