import { expect, test } from 'vitest';
import { defineTask, type Handler } from '../../src/ledger/define-task.ts';
import { Offers, type TaskKind } from '../../src/runner/offers.ts';
import { SiteOffers } from '../../src/runner/site-offers.ts';
import { createSignals } from '../../src/signals.ts';
import { FakeClock } from './fakes.ts';

const plugin = (version: string): Handler => ({
  ...defineTask({ name: 'a' }).handle(() => null),
  plugin: { name: 'payouts', version, digest: `digest of ${version}` },
});

interface Site {
  readonly pins: string[];
  lookMs: number;
}

/** What a runner offers where tasks have these pins and a look for them takes so long. */
function offeringAt(site: Site) {
  const clock = new FakeClock();
  const startedAtMs = clock.monotonic();
  const offers = new Offers(new Map());
  offers.install([plugin('2.0.0')]);
  const looks: { known: readonly string[]; atMs: number }[] = [];
  const announcedForMs: number[] = [];
  let more = 0;
  const siteOffers = new SiteOffers({
    ...{ offers, runner: 'r', host: 'h', queues: undefined, clock, signals: createSignals() },
    presentPins: async (names, known): Promise<TaskKind[]> => {
      const knownPins = known.map(({ pin }) => pin);
      looks.push({ known: knownPins, atMs: clock.monotonic() - startedAtMs });
      await clock.advance(site.lookMs);
      return names.flatMap((name) => site.pins.filter((pin) => !knownPins.includes(pin)).map((pin) => ({ name, pin })));
    },
    announce: ({ forMs }) => {
      announcedForMs.push(forMs);
      return Promise.resolve();
    },
    onMore: () => {
      more += 1;
    },
  });
  const second = async (): Promise<void> => {
    await siteOffers.runOnce();
    await clock.advance(1000);
  };
  return { siteOffers, offers, looks, announcedForMs, second, more: () => more };
}

test('a look does not ask for pins that are known, and a new one is offered at once', async () => {
  const site = { pins: ['^2'], lookMs: 1 };
  const { siteOffers, looks, second, more } = offeringAt(site);
  await second();
  site.pins.push('>=1');
  await second();
  site.pins.splice(0);
  await second();
  expect(looks.map(({ known }) => known)).toEqual([[], ['^2'], ['^2', '>=1']]);
  expect(more()).toBe(2);
  expect(siteOffers.now.kinds.offers?.map(({ pin }) => pin)).toEqual(['', '^2', '>=1']);
});

test('pins whose tasks are gone are forgotten once there are too many', async () => {
  const many = Array.from({ length: 499 }, (_, i) => `2.${i}.x`);
  const site = { pins: [...many], lookMs: 1 };
  const { siteOffers, looks, second } = offeringAt(site);
  await second();
  site.pins.splice(0, many.length, '^2', '>=1');
  await second();
  await second();
  expect(looks.map(({ known }) => known.length)).toEqual([0, 499, 0, 2]);
  expect(siteOffers.now.kinds.offers?.map(({ pin }) => pin)).toEqual(['', '^2', '>=1']);
});

test('where looks take long and find nothing they take a twentieth of the time; other versions are looked for at once', async () => {
  const { looks, offers, second, announcedForMs } = offeringAt({ pins: [], lookMs: 500 });
  for (let i = 0; i < 25; i += 1) await second();
  expect(looks.map(({ atMs }) => atMs)).toEqual([0, 1500, 12_000, 22_500]);
  // What is offered is told again in time all the same.
  expect(announcedForMs).toEqual([35_000, 35_000, 35_000]);
  offers.install([plugin('2.0.0'), plugin('2.1.0')]);
  await second();
  expect(looks).toHaveLength(5);
});

test('a stopped runner offers nothing; one that never offered anything has nothing to take back', async () => {
  const { siteOffers, announcedForMs, second } = offeringAt({ pins: [], lookMs: 1 });
  await siteOffers.stop();
  expect(announcedForMs).toEqual([]);
  await second();
  await siteOffers.stop();
  await siteOffers.stop();
  expect(announcedForMs).toEqual([35_000, 0]);
});
