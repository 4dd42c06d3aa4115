import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { repositoryRoot } from './support/repository.ts';

interface Row {
  readonly peer: string;
  readonly variant: string;
  readonly ratio?: Readonly<Record<string, number>>;
  readonly share?: number;
  readonly toFirst?: number;
  readonly failed: boolean;
}

// Plain JavaScript, as all of bench/ is.
const { summarise } = (await import(pathToFileURL(path.join(repositoryRoot, 'bench/summary.js')).href)) as {
  summarise: (measure: object, series: readonly object[]) => readonly Row[];
};

const turns = (peer: string, label: string, ...rates: readonly (number | undefined)[]): object => ({
  peer,
  version: '1',
  variant: { label },
  rounds: rates.map((perSecond) => (perSecond === undefined ? { error: 'it fell over' } : { perSecond })),
});
const rates = { unit: 'tasks/s' };

test('a ratio is taken within each round, so that a slow minute of the machine is no difference', () => {
  const rows = summarise(rates, [turns('taskledger', 'a', 100, 10, 100), turns('pg-boss', 'b', 50, 5, 50)]);
  expect(rows.find(({ peer }) => peer === 'pg-boss')?.ratio).toEqual({ perSecond: 2 });
});

test('the best configuration of a peer is one that had all its turns, not the luck of a single one', () => {
  const rows = summarise(rates, [turns('pg-boss', 'all', 90, 60, 60), turns('pg-boss', 'once', 80)]);
  expect(rows.map(({ variant }) => variant)).toEqual(['all']);
});

test('a configuration that failed is not the best one, and a peer that failed has no ratio', () => {
  const series = [turns('taskledger', 'a', undefined), turns('taskledger', 'b', 10), turns('pg-boss', 'c', undefined)];
  const rows = summarise(rates, series);
  expect(rows.map(({ variant, failed }) => [variant, failed])).toEqual([
    ['b', false],
    ['c', true],
  ]);
  expect(rows[1]).not.toHaveProperty('ratio');
});

test('a rate is also a share of the bare log, and where variants are compared each is compared with the first of its peer', () => {
  const series = [turns('taskledger', 'empty', 40), turns('taskledger', 'full', 30), turns('bare-log', 'empty', 80)];
  const rows = summarise({ ...rates, everyVariant: true }, series);
  expect(rows.map(({ share, toFirst }) => [share, toFirst])).toEqual([
    [0.5, undefined],
    [0.375, 0.75],
    [undefined, undefined],
  ]);
});

test('milliseconds are better when they are fewer', () => {
  const latency = (label: string, p50: number): object => ({
    peer: 'pg-boss',
    version: '1',
    variant: { label },
    rounds: [{ p50, p99: 2 * p50 }],
  });
  expect(summarise({ unit: 'ms' }, [latency('slow', 5), latency('fast', 3)]).map(({ variant }) => variant)).toEqual([
    'fast',
  ]);
});
