import fc from 'fast-check';
import semver from 'semver';
import { expect, test } from 'vitest';
import { defineTask, type Handler } from '../../src/ledger/define-task.ts';
import { isPluginRange, pluginRangePattern } from '../../src/ledger/plugin-range.ts';
import { Offers } from '../../src/runner/offers.ts';
import { leaseOf } from './fakes.ts';

const own = (name: string): Handler => defineTask({ name }).handle(() => null);
const plugin = (name: string, version: string): Handler => ({
  ...own(name),
  plugin: { name: 'payouts', version, digest: `digest of ${version}` },
});

function offering(owned: readonly Handler[], installed: readonly Handler[]): Offers {
  const offers = new Offers(new Map(owned.map((handler) => [handler.definition.name, handler])));
  offers.install(installed);
  return offers;
}

/** The version that runs a task of that pin; `none` when it is not offered. */
function versionFor(offers: Offers, name: string, pin: string): string {
  const offered = offers.offered(pin === '' ? [] : [{ name, pin }]);
  const lease = leaseOf('a', {}, pin === '' ? { name } : { name, plugin: pin });
  const handler = offered.handlerOf(lease);
  const isOffered = (offered.kinds.offers ?? []).some((offer) => offer.name === name && offer.pin === pin);
  expect(isOffered || offered.kinds.offers === undefined).toBe(
    handler !== undefined || offered.kinds.offers === undefined,
  );
  return handler === undefined ? 'none' : (handler.plugin?.version ?? 'own');
}

test('of several versions the newest runs what asks for none, and each pin gets the newest in its range', () => {
  const offers = offering(
    [],
    ['2.3.0', '2.10.1', '3.0.0', '4.0.0-rc.1'].map((version) => plugin('a', version)),
  );
  const chosen = ['', '^2', '2.3.0', '>=2 <4', '^3', '4.0.0-rc.1', '>=4.0.0-rc.0', '^5'].map((pin) =>
    versionFor(offers, 'a', pin),
  );
  expect(chosen).toEqual(['3.0.0', '2.10.1', '2.3.0', '3.0.0', '3.0.0', '4.0.0-rc.1', '4.0.0-rc.1', 'none']);
});

test('a prerelease runs tasks that did not ask for it only where there is nothing else', () => {
  expect(versionFor(offering([], [plugin('a', '1.0.0-rc.2'), plugin('a', '1.0.0-rc.10')]), 'a', '')).toBe(
    '1.0.0-rc.10',
  );
});

test('a task the newest version does not have any more is run by the one that does', () => {
  const offers = offering([], [plugin('a', '2.0.0'), plugin('b', '3.0.0')]);
  expect([versionFor(offers, 'a', ''), versionFor(offers, 'b', '')]).toEqual(['2.0.0', '3.0.0']);
});

test('a handler in a module has no version: it runs no task with a pin', () => {
  const offers = offering([own('a')], [plugin('b', '1.0.0')]);
  expect([versionFor(offers, 'a', ''), versionFor(offers, 'a', '*')]).toEqual(['own', 'none']);
});

test('without plugins claims say names alone, as ever', () => {
  expect(offering([own('a')], []).offered([]).kinds).toMatchObject({ names: ['a'], offers: undefined });
});

test('an attempt is run by the version its lease event names, whatever was installed since', () => {
  const offers = offering([], [plugin('a', '1.0.0')]);
  const before = offers.offered([]);
  expect(before.kinds.offers).toEqual([
    { name: 'a', pin: '', leased: { plugin: 'payouts@1.0.0', manifest_digest: 'digest of 1.0.0' } },
  ]);
  offers.install([plugin('a', '2.0.0')]);
  const lease = leaseOf('a', {}, { name: 'a' });
  expect(before.handlerOf(lease)?.plugin?.version).toBe('1.0.0');
  expect(offers.offered([]).handlerOf(lease)?.plugin?.version).toBe('2.0.0');
});

test('every range that the pattern takes is one to npm, too', () => {
  const range = fc.stringMatching(new RegExp(pluginRangePattern.source, 'u'), { maxLength: 60 });
  fc.assert(fc.property(range, (text) => semver.validRange(text) !== null));
});

test.each([
  '^3',
  '~1.2',
  '1.x',
  '*',
  '>=2.3 <4',
  '2.x || ^3.1.0',
  '1.2.3 - 2.3.4',
  '1.0.0-rc.1',
  '= 1.2.3',
  '>=1.0.0-0',
])('%s can be pinned', (range) => {
  expect(isPluginRange(range)).toBe(true);
});

test.each([
  '',
  ' ',
  'latest',
  '^',
  'v',
  '3.',
  '01.2.3',
  'payouts@3',
  '^3;',
  '>=1 && <2',
  '1.2.3.4',
  '^3\n',
  'x'.repeat(101),
])('%j cannot be', (range) => {
  expect(isPluginRange(range)).toBe(false);
});
