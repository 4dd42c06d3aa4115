import { describe, expect, test } from 'vitest';
import { loggerTo, logSignals, textLine } from '../../src/cli/log-signals.ts';
import { createSignals, type Signals } from '../../src/signals.ts';

function linesOf(level: string, emit: (signals: Signals) => void, where?: { readonly site: string }): string[] {
  const lines: string[] = [];
  const signals = createSignals();
  const stop = logSignals(signals, loggerTo({ write: (line) => lines.push(line) }, level), where);
  emit(signals);
  stop();
  emit(signals);
  return lines;
}

function logged(level: string, emit: (signals: Signals) => void): Record<string, unknown>[] {
  return linesOf(level, emit).map((line) => JSON.parse(line) as Record<string, unknown>);
}

const emitAll = (signals: Signals): void => {
  signals.emit('runner.started', { runner: 'a', names: ['x.y'], concurrency: 10 });
  signals.emit('claim.granted', { runner: 'a', asked: 10, tasks: 3, durationMs: 1.5 });
  signals.emit('settle.recorded', { runner: 'a', outcomes: 3, refused: 0, durationMs: 1.5 });
  signals.emit('attempt.started', { taskId: 't', name: 'x.y', attempt: 1, waitedMs: 5 });
  signals.emit('claim.lost', { runner: 'a', claimId: '7', tasks: 3 });
  signals.emit('service.failed', { service: 'sweep', code: '57P01', retryInMs: 1000 });
};

describe('logSignals', () => {
  test('tells what matters, as one JSON object each, until it is stopped', () => {
    const lines = logged('info', emitAll);
    expect(lines.map(({ level, msg }) => `${String(level)} ${String(msg)}`)).toEqual([
      'info runner.started',
      'warn claim.lost',
      'warn service.failed',
    ]);
    expect(lines[1]).toMatchObject({ runner: 'a', claimId: '7', tasks: 3, time: expect.stringMatching(/^\d{4}-.*Z$/) });
  });

  test('says once at which of several sites it was', () => {
    const told = linesOf(
      'info',
      (signals) => {
        signals.emit('daemon.started', { site: 'ams', services: ['sweep'] });
        signals.emit('requests.answered', { stream: 'fra', requests: 1 });
      },
      { site: 'ams' },
    );
    expect(told.map((line) => line.match(/"site":"\w+"/g))).toEqual([['"site":"ams"'], ['"site":"ams"']]);
  });

  test('tells what happens with every task only when debugging', () => {
    expect(logged('debug', emitAll)).toHaveLength(6);
  });

  test('hides the password of a connection string, wherever it stands', () => {
    const [line] = logged('info', (signals) =>
      signals.emit('connection.lost', { purpose: 'listen', reason: 'postgres://app:hunter2@db:5432/app is gone' }),
    );
    expect(line).toMatchObject({ level: 'warn', reason: 'postgres://app:***@db:5432/app is gone' });
    const fields = { urls: ['"postgres://app:hunter2@db/app"'] };
    const [logged1] = logged('error', (signals) =>
      signals.emit('attempt.logged', { taskId: 't', name: 'x.y', attempt: 1, level: 'error', message: 'away', fields }),
    );
    expect(logged1).toMatchObject({
      level: 'error',
      message: 'away',
      fields: { urls: ['"postgres://app:***@db/app"'] },
    });
  });
});

test('on a terminal a line is short, and safe to print', () => {
  const line = JSON.stringify({
    ...{ level: 'warn', time: '2026-01-31T08:00:00.123Z', pid: 1, msg: 'claim.lost' },
    ...{ runner: 'a\u001b[2J', tasks: 3, names: ['a', 'b', 'c', 'd', 'e'] },
  });
  expect(textLine(line)).toBe('08:00:00 warn  claim.lost runner=a\\x1b[2J tasks=3 names=(5)');
});
