import { expect, test } from 'vitest';
import { renderTable } from '../../src/cli/render-table.ts';
import { openTerminal } from '../../src/cli/terminal.ts';

const table = {
  head: ['name', 'tasks'],
  rows: [
    ['payouts.settle', '7'],
    ['a', '12345'],
  ],
  align: ['left', 'right'],
} as const;

test('without a terminal: columns of one width, no lines, no colours', () => {
  expect(renderTable(table, { ...openTerminal(false), styled: false })).toBe(
    ['name            tasks', 'payouts.settle      7', 'a               12345'].join('\n'),
  );
});

test('on a terminal: lines around', () => {
  const lines = renderTable(table, { ...openTerminal(false), styled: true }).split('\n');
  expect(lines[0]).toMatch(/^╭─+┬─+╮$/);
  expect(lines.at(-1)).toMatch(/^╰─+┴─+╯$/);
  expect(lines).toHaveLength(6);
});
