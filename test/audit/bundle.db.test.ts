import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { currentHeads } from '../../src/audit/heads.ts';
import { exportTask, proveEvent } from '../../src/audit/prove.ts';
import { chosenBlocks, exportBlocks } from '../../src/audit/export.ts';
import { temporarySiteKey } from '../../src/events/blocks/site-key.ts';
import { auditLedger, checkBundle, textOf } from './audit-ledger.ts';

type Json = Record<string, unknown>;

/** The bundle with lines changed, and an end that fits them again: what a careful forger would hand over. */
function rewritten(bundle: string, change: (lines: string[]) => string[]): string {
  const lines = change(bundle.trimEnd().split('\n').slice(0, -1));
  const body = lines.map((line) => `${line}\n`).join('');
  const count = (key: string): number => lines.filter((line) => line.startsWith(`{"${key}"`)).length;
  const end = {
    blocks: count('block'),
    events: count('event'),
    sha256: createHash('sha256').update(body).digest('hex'),
  };
  return `${body}${JSON.stringify({ end })}\n`;
}

const changed = (line: string, change: (parsed: { event: Json; block: Json; path: string[] }) => void): string => {
  const parsed = JSON.parse(line) as { event: Json; block: Json; path: string[] };
  change(parsed);
  return JSON.stringify(parsed);
};

const isEvent = (line: string): boolean => line.startsWith('{"event"');

test('a range, a task and one event verify, with payloads and without', async () => {
  const t = await auditLedger();
  const seq = BigInt((await t.sealed()).at(-1) ?? 0);
  for (const withheld of [false, true]) {
    const payloads = withheld ? 'withheld' : 'included';
    expect(await checkBundle(await t.bundle(withheld))).toMatchObject({
      findings: [],
      payloads,
      blocks: 3,
      events: 13,
      origin: { ams: 'none' },
    });
    expect(await checkBundle(await textOf(exportTask(t.pool, t.task, { withheld })))).toMatchObject({
      findings: [],
      scope: { kind: 'task', task_id: t.task, versions: 3, unsealed: 0 },
      blocks: 2,
      events: 3,
    });
    const proof = await textOf(proveEvent(t.pool, { site: 'ams', seq }, { withheld }));
    expect(await checkBundle(proof)).toMatchObject({ findings: [], blocks: 1, events: 1 });
    expect(proof.includes('data_base64')).toBe(!withheld);
  }
});

test('the stored text survives to the byte', async () => {
  const t = await auditLedger();
  const { rows } = await t.pool.query<{ data: string }>(
    `select data::text as data from taskledger.events where task_id = $1 and version = 1`,
    [t.task],
  );
  const line = (await t.bundle()).split('\n').find((each) => each.includes(t.task)) ?? '';
  const { event } = JSON.parse(line) as { event: { data_base64: string } };
  expect(Buffer.from(event.data_base64, 'base64').toString()).toBe(rows[0]?.data);
});

test('a block that is read in several pages is exported whole', async () => {
  const t = await auditLedger();
  await t.submit(330);
  await t.sealer().runOnce();
  expect(await checkBundle(await t.bundle())).toMatchObject({ findings: [], blocks: 4, events: 343 });
});

test('any byte that is flipped is found', async () => {
  const t = await auditLedger();
  const bundles = [await t.bundle(), await textOf(exportTask(t.pool, t.task))].map((text) => Buffer.from(text));
  const flips = fc.record({
    which: fc.integer({ min: 0, max: 1 }),
    place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    bit: fc.integer({ min: 0, max: 7 }),
  });
  await fc.assert(
    fc.asyncProperty(flips, async ({ which, place, bit }) => {
      const bytes = Buffer.from(bundles[which] ?? '');
      const at = Math.floor(place * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
      expect((await checkBundle(bytes)).findingCount, `byte ${at} of bundle ${which}`).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});

test('the end must fit every line before it', async () => {
  const t = await auditLedger();
  const bundle = await t.bundle();
  const [digest = ''] = /"sha256":"[0-9a-f]{64}"/.exec(bundle) ?? [];
  const other = bundle.replace(digest, `"sha256":"${'0'.repeat(64)}"`);
  expect((await checkBundle(other)).findings).toMatchObject([
    { what: 'bundle', why: expect.stringContaining('not those it was written with') },
  ]);
  for (const count of ['"blocks":3', '"events":13']) {
    const { findings } = await checkBundle(bundle.replace(`${count},`, `${count}0,`));
    expect(findings).toMatchObject([{ what: 'bundle', why: expect.stringMatching(/^it holds/) }]);
  }
});

test('cut off anywhere, or empty, it does not verify', async () => {
  const t = await auditLedger();
  const bundle = await t.bundle();
  expect((await checkBundle('')).findings).toMatchObject([{ why: 'the file is empty' }]);
  for (const length of [
    1,
    100,
    bundle.length >> 1,
    bundle.lastIndexOf('\n', bundle.length - 2) + 1,
    bundle.length - 1,
  ]) {
    const { findings } = await checkBundle(bundle.slice(0, length));
    expect(findings.at(-1)?.why, `${length}`).toBe('the end is missing: the file was cut off');
  }
});

describe('with an end that fits again', () => {
  const attributes: Readonly<Record<string, unknown>> = {
    id: 'ams/9999',
    source: '/taskledger/sites/lon',
    type: 'task.completed',
    subject: '0190b6a0-0000-7000-8000-00000000abcd',
    time: '2001-01-01T00:00:00.000Z',
    realm: 'lon',
    epoch: 2,
    version: 7,
    actor: 'somebody',
    datahash: '0'.repeat(64),
    data_base64: Buffer.from('{}').toString('base64'),
  };
  test.each(Object.entries(attributes))(
    'a changed %s is found, and the event is named, in whole blocks and with a path',
    async (name, value) => {
      const t = await auditLedger();
      for (const bundle of [await t.bundle(), await textOf(exportTask(t.pool, t.task))]) {
        const position = (
          JSON.parse(bundle.split('\n').findLast((line) => isEvent(line) && line.includes('"version":1')) ?? '') as {
            event: { id: string };
          }
        ).event.id;
        const forged = rewritten(bundle, (lines) =>
          lines.map((line) =>
            line.includes(`"id":"${position}"`) ? changed(line, ({ event }) => (event[name] = value)) : line,
          ),
        );
        const { findings } = await checkBundle(forged);
        expect(findings).toContainEqual(expect.objectContaining({ what: 'event', where: position }));
      }
    },
  );

  test('an event left out, put in or moved is named', async () => {
    const t = await auditLedger();
    const bundle = await t.bundle();
    const events = bundle.split('\n').filter(isEvent);
    const third = JSON.parse(events[2] ?? '') as { event: { id: string } };
    const missing = await checkBundle(rewritten(bundle, (lines) => lines.filter((line) => line !== events[2])));
    expect(missing.findings).toMatchObject([{ what: 'event', where: third.event.id, why: 'is missing from block 1' }]);
    const twice = await checkBundle(
      rewritten(bundle, (lines) => lines.flatMap((line) => (line === events[2] ? [line, line] : [line]))),
    );
    expect(twice.findings).toMatchObject([{ what: 'event', where: third.event.id }]);
    const swapped = await checkBundle(
      rewritten(bundle, (lines) =>
        lines.map((line) => (line === events[1] ? (events[2] ?? '') : line === events[2] ? (events[1] ?? '') : line)),
      ),
    );
    expect(swapped.findingCount).toBeGreaterThan(0);
  });

  test('a block left out, its fields changed, or a version of a task left out', async () => {
    const t = await auditLedger();
    const bundle = await t.bundle();
    const lines = bundle.trimEnd().split('\n');
    const blocks = lines.flatMap((line, i) => (line.startsWith('{"block"') ? [i] : []));
    const without = rewritten(bundle, (all) => all.filter((_line, i) => i < (blocks[1] ?? 0) || i >= (blocks[2] ?? 0)));
    expect((await checkBundle(without)).findings).toMatchObject([
      { what: 'block', where: 'block 2 of ams', why: 'is missing' },
    ]);
    const zeros = { root: 64, prev_hash: 64, hash: 64, signature: 128, key_id: 32 };
    const fields: Json = {
      ...Object.fromEntries(Object.entries(zeros).map(([name, digits]) => [name, '0'.repeat(digits)])),
      sealed_at_ms: '5',
      sealed_by: 'lon',
      members: '1-9',
      event_count: 1,
      number: '9',
      format: 2,
      leaf_hints: '',
    };
    for (const [name, value] of Object.entries(fields)) {
      const forged = rewritten(bundle, (all) =>
        all.map((line, i) => (i === blocks[1] ? changed(line, ({ block }) => (block[name] = value)) : line)),
      );
      expect((await checkBundle(forged)).findings, name).toContainEqual(expect.objectContaining({ what: 'block' }));
    }
    const task = rewritten(await textOf(exportTask(t.pool, t.task)), (all) =>
      all.filter((line) => !line.includes('"version":2')),
    );
    expect((await checkBundle(task)).findings).toMatchObject([{ why: 'lacks versions of the task: 3 follows 1' }]);
  });

  test('a line of another spelling, which could show a reader something else, is refused', async () => {
    const t = await auditLedger();
    const bundle = await t.bundle();
    for (const spelling of ['"actor":"somebody else","actor":"', '"actor": "']) {
      const forged = rewritten(bundle, (all) => all.map((line) => line.replace('"actor":"', spelling)));
      expect((await checkBundle(forged)).findings).toContainEqual(expect.objectContaining({ what: 'bundle', line: 4 }));
    }
  });

  test('members that were made up are not counted one by one', async () => {
    const t = await auditLedger();
    const forged = rewritten(await t.bundle(), (all) =>
      all.map((line) =>
        line.startsWith('{"block"') ? changed(line, ({ block }) => (block['members'] = '1-9000000000000000000')) : line,
      ),
    );
    expect((await checkBundle(forged)).findings).toHaveLength(100);
  });
});

test('where a bundle comes from is known by kept heads alone', async () => {
  const t = await auditLedger();
  const against = await currentHeads(t.pool);
  const [head] = against;
  expect(await checkBundle(await t.bundle(), against)).toMatchObject({ findings: [], origin: { ams: 'head' } });
  const early = await textOf(exportBlocks(t.pool, await chosenBlocks(t.pool, { to: 2n })));
  expect(await checkBundle(early, against)).toMatchObject({ findings: [], origin: { ams: 'key' } });
  const otherHash = [{ ...head!, hash: '0'.repeat(64) }];
  expect((await checkBundle(await t.bundle(), otherHash)).findings).toMatchObject([
    { where: 'block 3 of ams', why: 'is not the block that was kept outside under this number' },
  ]);
  const stranger = temporarySiteKey();
  const otherKey = [{ ...head!, number: '7', key_id: stranger.keyId, public_key: stranger.publicKey.toString('hex') }];
  expect((await checkBundle(await t.bundle(), otherKey)).findings).toMatchObject([
    { what: 'block', where: 'block 1 of ams' },
  ]);
  const otherSite = [{ ...head!, site: 'lon' }];
  expect((await checkBundle(await t.bundle(), otherSite)).findingCount).toBe(1);
});

test('what is not sealed or was altered is not proven', async () => {
  const t = await auditLedger();
  await t.submit(1);
  const { rows } = await t.pool.query<{ seq: string; task_id: string }>(
    'select seq::text, task_id from taskledger.events order by events.seq desc limit 1',
  );
  const last = rows[0]!;
  await expect(textOf(proveEvent(t.pool, { site: 'ams', seq: BigInt(last.seq) }))).rejects.toMatchObject({
    code: 'TASKLEDGER_NOT_SEALED',
  });
  await expect(textOf(exportTask(t.pool, last.task_id))).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_SEALED' });
  await expect(textOf(proveEvent(t.pool, { site: 'ams', seq: 999_999n }))).rejects.toMatchObject({
    code: 'TASKLEDGER_NOT_FOUND',
  });
  await t.pool
    .query(`alter table taskledger.events_ams disable trigger all; alter table taskledger.events disable trigger all;
    update taskledger.events set actor = 'x' where task_id = '${t.task}' and version = 1`);
  await expect(textOf(exportTask(t.pool, t.task))).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_PROVEN' });
  const { findings } = await checkBundle(await t.bundle());
  expect(findings).toMatchObject([{ what: 'event', why: 'is not the one that was sealed in block 1' }]);
});
