import { expect, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { AttemptOutput } from '../../../src/runner/execute/attempt-output.ts';
import { LogTail } from '../../../src/runner/execute/log-tail.ts';

function reading(): { output: AttemptOutput; texts: () => string[] } {
  const log = new LogTail(systemClock);
  const output = new AttemptOutput(log, 'the mark');
  return { output, texts: () => log.lines.map((line) => line.replace(/^\S+ \S+ /, '')) };
}

test('the empty line before the mark is the child’s own, all others are the handler’s', () => {
  const { output, texts } = reading();
  for (const line of ['', 'one', '', '', 'the mark']) output.line('stdout', line);
  expect(texts()).toEqual(['stdout ', 'stdout one', 'stdout ']);
});

test('a line that the handler left unfinished is kept', () => {
  const { output, texts } = reading();
  for (const line of ['unfinished', 'the mark']) output.line('stderr', line);
  expect(texts()).toEqual(['stderr unfinished']);
});

test('it has ended when both streams have, and what comes then is counted and not kept', async () => {
  const { output, texts } = reading();
  output.line('stdout', 'the mark');
  output.line('stdout', 'late');
  expect([output.isEnded, output.late]).toEqual([false, 1]);
  output.line('stderr', 'in time');
  output.line('stderr', 'the mark');
  await output.ended;
  output.line('stderr', 'late too');
  expect([output.isEnded, output.late, texts()]).toEqual([true, 2, ['stderr in time']]);
});
