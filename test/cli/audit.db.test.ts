import { expect, test } from 'vitest';
import { auditLedger, testDirectory } from '../audit/audit-ledger.ts';
import { loginWith } from '../support/logins.ts';
import { runCli } from './run-cli.ts';

const guarded = ['events', 'events_ams'];
const alter = (set: string, where: string): string =>
  [
    ...guarded.map((table) => `alter table taskledger.${table} disable trigger all`),
    `update taskledger.events set ${set} where ${where}`,
  ].join(';');

test('an auditor verifies, keeps heads, and is told the event that was changed and where', async () => {
  const t = await auditLedger();
  const directory = await testDirectory();
  const { url } = await loginWith(t.url, 'taskledger_auditor');
  const heads = await runCli(['audit', 'heads', '--json'], { url });
  expect(heads.objects()).toMatchObject([{ site: 'ams', number: '3', key_id: t.key.keyId }]);
  const kept = await directory.file('heads.ndjson', heads.stdout);
  const state = await directory.file('state.json');

  const right = await runCli(['audit', 'verify', '--against', kept, '--resume', state], { url });
  expect([right.status, right.stderr]).toEqual([0, '']);
  expect(right.stdout).toMatch(/^Nothing was altered: 13 events in 3 blocks, \d+\.\d s, \d+ events\/s\.\n$/);
  expect(Object.keys(JSON.parse(await directory.read('state.json')) as object)).toEqual(['ams']);
  const again = await runCli(['audit', 'verify', '--resume', state, '--json'], { url });
  expect(again.objects()).toMatchObject([{ verified: true, blocks: 0, events: 0, anchored: [] }]);
  const open = await runCli(['audit', 'verify'], { url });
  expect(open.stdout).toContain('ams: not excluded without a head kept outside');

  const seq = (await t.sealed())[4] ?? '';
  await t.pool.query(alter(`actor = E'\\u001b[2J'`, `seq = ${seq}`));
  const wrong = await runCli(['audit', 'verify', '--against', kept], { url });
  expect(wrong.status).toBe(1);
  expect(wrong.stdout).toMatch(
    new RegExp(
      `^Event ams/${seq} \\(task\\.\\w+ of task [0-9a-f-]{36}\\) is not the one that was sealed in block \\d of site ams at \\S+Z: it was changed afterwards\\.\\nNOT as it was sealed: 1 finding\\. `,
    ),
  );
  const json = await runCli(['audit', 'verify', '--json'], { url });
  expect([json.status, json.objects()]).toMatchObject([
    1,
    [
      { finding: 'event_altered', place: `ams/${seq}`, seq },
      { verified: false, findings: 1 },
    ],
  ]);
});

test('what is exported and proven verifies offline; the same with one byte changed does not', async () => {
  const t = await auditLedger();
  const directory = await testDirectory();
  const { url } = await loginWith(t.url, 'taskledger_auditor');
  const kept = await directory.file('heads.ndjson', (await runCli(['audit', 'heads', '--json'], { url })).stdout);
  const file = await directory.file('ams.ndjson');
  const exported = await runCli(['audit', 'export', '--site', 'ams', '--from', '1', '--to', '3', '--out', file], {
    url,
  });
  expect([exported.status, exported.stderr]).toEqual([0, 'ams: blocks 1 to 3\n']);
  const alone = await runCli(['verify-bundle', file]);
  expect([alone.status, alone.stdout]).toEqual([
    0,
    expect.stringContaining('checked only with the key inside it, which proves consistency, not origin'),
  ]);
  const anchored = await runCli(['verify-bundle', file, '--against', kept]);
  expect([anchored.status, anchored.stdout]).toEqual([
    0,
    expect.stringContaining('it is the history whose head was kept outside'),
  ]);

  const bundle = await directory.read('ams.ndjson');
  const changed = await directory.file('changed', bundle.replace('"actor":"', '"actor":"x'));
  const wrong = await runCli(['verify-bundle', changed]);
  expect([wrong.status, wrong.stdout]).toEqual([
    1,
    expect.stringMatching(/event ams\/\d+ is not the one that was sealed in block 1/),
  ]);
  const empty = await runCli(['verify-bundle', await directory.file('empty', ''), '--json']);
  expect([empty.status, empty.objects()]).toMatchObject([
    1,
    [
      { what: 'bundle', line: 0 },
      { verified: false, scope: null },
    ],
  ]);
  const wrongHeads = await directory.file(
    'other',
    (await directory.read('heads.ndjson')).replace(/"hash":"../, '"hash":"zz'),
  );
  expect((await runCli(['verify-bundle', file, '--against', wrongHeads])).status).toBe(2);

  const proof = await runCli(['audit', 'prove', `ams/${(await t.sealed()).at(-1)}`], { url });
  expect((await runCli(['verify-bundle', await directory.file('proof', proof.stdout)])).status).toBe(0);
  const all = await runCli(['audit', 'export'], { url });
  const wholeTold = await runCli(['verify-bundle', await directory.file('all', all.stdout)]);
  expect([wholeTold.status, wholeTold.stdout]).toEqual([
    0,
    expect.stringContaining('Every event of these blocks is there: ams 1 to'),
  ]);
  const task = await runCli(['audit', 'export', '--task', t.task, '--payloads', 'withheld'], { url });
  expect(task.stdout).not.toContain('data_base64');
  const told = await runCli(['verify-bundle', await directory.file('task', task.stdout)]);
  expect([told.status, told.stdout]).toEqual([
    0,
    expect.stringContaining(`Every version of task ${t.task} from 1 to 3 is there.`),
  ]);
});

test('wrong usage is told, and a file is never overwritten', async () => {
  const t = await auditLedger();
  const directory = await testDirectory();
  const file = await directory.file('there', 'mine');
  const cases: [args: string[], status: number, code: string][] = [
    [['audit', 'export', '--task', t.task, '--out', file], 1, 'TASKLEDGER_OUTPUT_NOT_WRITTEN'],
    [['audit', 'export', '--task', t.task, '--site', 'ams'], 2, 'TASKLEDGER_USAGE'],
    [['audit', 'export', '--from', '1'], 2, 'TASKLEDGER_USAGE'],
    [['audit', 'export', '--site', 'lon'], 1, 'TASKLEDGER_NOT_FOUND'],
    [['audit', 'prove', 'ams'], 2, 'TASKLEDGER_INVALID_ID'],
    [['audit', 'prove', 'ams/99999'], 1, 'TASKLEDGER_NOT_FOUND'],
    [['audit', 'verify', '--site', 'lon'], 1, 'TASKLEDGER_NOT_FOUND'],
    [['audit', 'verify', '--resume', file], 2, 'TASKLEDGER_INVALID_INPUT'],
    [['audit', 'verify', '--nonsense'], 2, 'TASKLEDGER_USAGE'],
    [['audit'], 2, 'TASKLEDGER_USAGE'],
  ];
  for (const [args, status, code] of cases) {
    const ran = await runCli([...args, '--json'], { url: t.url });
    expect([ran.status, ran.error()['error']], args.join(' ')).toEqual([status, code]);
  }
  expect(await directory.read('there')).toBe('mine');
});
