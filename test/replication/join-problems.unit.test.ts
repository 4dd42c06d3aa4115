import { expect, test } from 'vitest';
import { LedgerError } from '../../src/errors.ts';
import { joinProblems, joinWarnings, type JoinPlan } from '../../src/replication/join-problems.ts';
import { missingPairs } from '../../src/replication/join.ts';
import type { Side } from '../../src/replication/side.ts';

type Ledger = NonNullable<Side['ledger']>;
interface Change {
  readonly server?: Partial<Side['server']>;
  readonly ledger?: Partial<Ledger>;
  readonly identity?: Partial<Ledger['identity']>;
  readonly way?: Partial<Side['way']>;
  readonly refusal?: LedgerError;
}

const secret = 'link-s3cret';

/** A site with which nothing is wrong, but for `change`. */
function side(site: string, change: Change = {}): Side {
  const identity = {
    site,
    id: `id-${site}`,
    incarnation: 1,
    recovering: false,
    format: 1,
    revision: 1,
    ...change.identity,
  };
  return {
    label: identity.site,
    server: {
      version: 180_001,
      walLevel: 'logical',
      ...{
        slots: 10,
        slotsUsed: 0,
        senders: 10,
        sendersUsed: 0,
        applyProcesses: 10,
        serverProcesses: 20,
        subscriptions: 0,
      },
      slotWalKeepMb: 4096,
      logsParameters: false,
      ...change.server,
    },
    refusal: change.refusal,
    ledger:
      change.refusal === undefined
        ? {
            identity,
            ...{ hasKey: true, peers: [], proofs: [] },
            ...{ owner: 'shop_owner', ownerIsSuperuser: false, ownerMaySubscribe: true, ownerMayCreate: true },
            ...change.ledger,
          }
        : undefined,
    way: {
      option: site === 'ams' ? '--back-link' : '--link',
      url: `postgres://tl_link:${secret}@${site}.example/shop?sslmode=verify-full`,
      user: 'tl_link',
      userFacts: { name: 'tl_link', isSuperuser: false, mayReplicate: true, isPeer: true },
      tried: { outcome: 'arrived', identity },
      ...change.way,
    },
  };
}

const logical: JoinPlan = { transport: 'logical', insecure: false };
const problemsOf = (change: Change, plan: JoinPlan = logical) => joinProblems(side('ams'), side('fra', change), plan);
const peer = (site: string, id = `id-${site}`) => ({ site, id, transport: 'logical' as const });

test('two sites with which nothing is wrong have no problems, whatever the transport', () => {
  expect(joinProblems(side('ams'), side('fra'), logical)).toEqual([]);
  expect(joinProblems(side('ams'), side('fra'), { transport: 'pull', insecure: true })).toEqual([]);
  expect(joinWarnings(side('ams'), side('fra'), logical)).toEqual([]);
});

const withoutPassword = { url: 'postgres://tl_link@fra.example/shop?sslmode=verify-full' };
const noUser = { userFacts: undefined, tried: { outcome: 'refused', code: '28P01' } } as const;
const userFacts = { name: 'tl_link', isSuperuser: false, mayReplicate: true, isPeer: true };
const notMigrated = new LedgerError('TASKLEDGER_NOT_MIGRATED', {
  expected: 'a schema',
  found: 'none',
  remedy: 'Run: taskledger migrate',
});

/** What is wrong with fra alone, where it is to be mended, and a word of what is said. */
const alone: readonly [Change, string, RegExp][] = [
  [{ server: { version: 150_004 } }, 'fra', /16 or newer; version 15/],
  [{ refusal: notMigrated }, 'fra', /taskledger migrate/],
  [{ identity: { format: 2 } }, 'fra', /format 2; Bring both/],
  [{ identity: { recovering: true } }, 'fra', /getting its own stream back/],
  [{ identity: { id: 'id-ams' } }, 'fra', /one database, or a copy/],
  [{ identity: { site: 'ams' } }, 'ams', /two that are named ams/],
  [{ ledger: { hasKey: false } }, 'fra', /site init --key/],
  [{ ledger: { peers: [peer('ams', 'id-older')] } }, 'fra', /At fra, run taskledger site remove ams/],
  [{ way: { url: `postgres://tl_link:${secret}@fra.example/shop` } }, 'fra', /no sslmode/],
  [{ way: { url: `postgres://tl_link:${secret}@fra.example/shop?sslmode=require` } }, 'fra', /sslmode=require/],
  [{ way: { user: undefined, userFacts: undefined } }, 'fra', /name its user; none/],
  [{ way: noUser }, 'fra', /no user tl_link; .*create role tl_link login replication/],
  [{ way: { userFacts: { ...userFacts, isPeer: false } } }, 'fra', /grant taskledger_peer to tl_link/],
  [{ way: { tried: { outcome: 'refused', code: '28P01' } } }, 'fra', /refusal \(SQLSTATE 28P01\)/],
  [
    { way: { tried: { outcome: 'arrived', identity: { ...side('lon').ledger!.identity } } } },
    'fra',
    /lead to site fra; site lon/,
  ],
];

/** Needed for replication alone, not for pulling. */
const forReplication: readonly [Change, string, RegExp][] = [
  [{ server: { walLevel: 'replica' } }, 'fra', /wal_level = logical; replica/],
  [{ server: { slots: 4, slotsUsed: 4 } }, 'fra', /max_replication_slots of 5/],
  [{ server: { senders: 3, sendersUsed: 3 } }, 'fra', /max_wal_senders of 4/],
  [{ server: { applyProcesses: 4, subscriptions: 4 } }, 'fra', /max_logical_replication_workers of 5/],
  [{ server: { applyProcesses: 2 }, ledger: { peers: [peer('lon'), peer('par')] } }, 'fra', /workers of 3 .*; 2/],
  [{ server: { serverProcesses: 8, subscriptions: 7 } }, 'fra', /max_worker_processes of 9/],
  [{ ledger: { ownerMaySubscribe: false } }, 'fra', /grant pg_create_subscription to shop_owner/],
  [{ ledger: { ownerMayCreate: false } }, 'fra', /grant create on database/],
  [{ way: { userFacts: { ...userFacts, mayReplicate: false } } }, 'fra', /alter role tl_link replication/],
  // The password is in the link to fra, and it is ams whose owner may not subscribe without.
  [{ way: withoutPassword }, 'ams', /--link with a password/],
];

const said = ({ expected, found, remedy }: { expected: string; found: string; remedy: string }) =>
  `${expected}; ${found}; ${remedy}`;

test.each([...alone, ...forReplication])('%j is one problem, told with its remedy', (change, site, text) => {
  const problems = problemsOf(change);
  expect(problems.map((problem) => problem.site)).toEqual([site]);
  expect(said(problems[0]!)).toMatch(text);
  expect(JSON.stringify(problems)).not.toContain(secret);
});

test.each(forReplication)('%j does not keep a site from being pulled from', (change) => {
  expect(problemsOf(change, { transport: 'pull', insecure: false })).toEqual([]);
});

test('everything that is wrong is listed at once, of both sites', () => {
  const here = side('ams', { server: { walLevel: 'minimal', version: 140_000 }, ledger: { hasKey: false } });
  const there = side('fra', {
    server: { walLevel: 'replica', slots: 0 },
    way: { userFacts: { ...userFacts, isPeer: false } },
  });
  expect(joinProblems(here, there, logical).map((problem) => problem.site)).toEqual([
    'ams',
    'ams',
    'ams',
    'fra',
    'fra',
    'fra',
  ]);
});

test('--insecure allows links without TLS; a superuser who owns the schema needs no password in a link', () => {
  const plain = { way: { url: 'postgres://tl_link@127.0.0.1/shop' } };
  const superuser = { ledger: { ownerIsSuperuser: true, ownerMaySubscribe: false } };
  expect(joinProblems(side('ams', superuser), side('fra', plain), { ...logical, insecure: true })).toEqual([]);
});

test('a peer that is added again needs no further slot', () => {
  const full = { server: { slots: 1, slotsUsed: 1, senders: 1, sendersUsed: 1 }, ledger: { peers: [peer('ams')] } };
  expect(problemsOf(full)).toEqual([]);
});

test('WAL without limit, and a link that cannot be tried from here, are told and do not forbid it', () => {
  const change = { server: { slotWalKeepMb: -1 }, way: { tried: { outcome: 'away', code: 'ENOTFOUND' } } } as const;
  expect(problemsOf(change)).toEqual([]);
  const warnings = joinWarnings(side('ams'), side('fra', change), logical);
  expect(warnings).toEqual([expect.stringContaining('max_slot_wal_keep_size'), expect.stringContaining('ENOTFOUND')]);
});

test('pairs that are still to be added are named', () => {
  const ams = side('ams', { ledger: { peers: [peer('fra'), peer('lon')] } });
  const fra = side('fra', { ledger: { peers: [peer('ams'), peer('par')] } });
  expect(missingPairs(ams, fra)).toEqual([
    ['ams', 'par'],
    ['fra', 'lon'],
  ]);
});
