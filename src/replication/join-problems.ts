import { SHIPPED_FORMAT, type Transport } from './peer.ts';
import type { Side, Way } from './side.ts';

/** Something that keeps two sites from becoming peers. Never holds a secret. */
export interface Problem {
  /** Where it is to be mended. */
  readonly site: string;
  readonly expected: string;
  readonly found: string;
  /** Imperative, no full stop. */
  readonly remedy: string;
}

export interface JoinPlan {
  readonly transport: Transport;
  /** Links need not be encrypted and checked. */
  readonly insecure: boolean;
}

type Found = Omit<Problem, 'site'>;

const oldestServer = 160_000;

/** Everything that keeps these two from becoming peers; empty when nothing does. */
export function joinProblems(here: Side, there: Side, plan: JoinPlan): Problem[] {
  return [
    ...oneOf(here, there, plan),
    ...oneOf(there, here, plan),
    ...between(here, there).map((found) => ({ site: there.label, ...found })),
  ];
}

/** What may be meant like that, and costs something. */
export function joinWarnings(here: Side, there: Side, { transport }: JoinPlan): string[] {
  return [here, there].flatMap((side) => [
    ...(transport === 'logical' && side.server.slotWalKeepMb < 0
      ? [
          `site ${side.label} keeps WAL without limit for a peer that is away, until its disk is full: set max_slot_wal_keep_size to what the disk can spare; a slot that is cut off then is made anew, and what it missed is pulled`,
        ]
      : []),
    ...(side.server.logsParameters
      ? [
          `the log of site ${side.label} may show the URL of the link to the other site, since it shows parameters of statements: as superuser there, run alter role OPERATOR set log_parameter_max_length = 0; alter role OPERATOR set log_parameter_max_length_on_error = 0; add the site again with a new password`,
        ]
      : []),
    ...(side.way.tried.outcome === 'away'
      ? [
          `${side.way.option} could not be tried from this machine (${side.way.tried.code}), so its password was not checked; the server and the daemon of the other site must reach it`,
        ]
      : []),
  ]);
}

function oneOf(side: Side, other: Side, plan: JoinPlan): Problem[] {
  const found = [
    ...serverProblems(side),
    ...ledgerProblems(side),
    ...wayProblems(side, plan),
    ...(plan.transport === 'logical' ? logicalProblems(side, other) : []),
  ];
  return found.map((each) => ({ site: side.label, ...each }));
}

function serverProblems({ server }: Side): Found[] {
  if (server.version >= oldestServer) return [];
  const found = `version ${Math.floor(server.version / 10_000)}`;
  return [{ expected: 'PostgreSQL 16 or newer', found, remedy: 'Upgrade the server' }];
}

function ledgerProblems({ ledger, refusal }: Side): Found[] {
  if (refusal !== undefined) {
    const { expected, found, remedy } = refusal;
    return [{ expected, found, remedy }];
  }
  if (ledger === undefined) return [];
  const problems: Found[] = [];
  const { identity } = ledger;
  if (identity.format !== SHIPPED_FORMAT) {
    problems.push({
      expected: `a ledger that ships format ${SHIPPED_FORMAT}`,
      found: `format ${identity.format}`,
      remedy: 'Bring both sites to the same release',
    });
  }
  if (identity.recovering) {
    problems.push({
      expected: 'a site at work',
      found: 'one that is still getting its own stream back from its peers',
      remedy: 'Wait until taskledger site status shows it at work',
    });
  }
  if (!ledger.hasKey) {
    problems.push({
      expected: 'a site that seals its stream: only blocks can be proven elsewhere',
      found: 'one without a key',
      remedy: 'There, run taskledger site init --key FILE, and serve with that key',
    });
  }
  return problems;
}

function between(here: Side, there: Side): Found[] {
  const [us, them] = [here.ledger, there.ledger];
  if (us === undefined || them === undefined) return [];
  if (us.identity.id === them.identity.id) {
    return [
      {
        expected: 'two databases with identities of their own',
        found: 'one database, or a copy of it',
        remedy: 'Name the other site; a second site begins as an empty database with taskledger migrate --site NAME',
      },
    ];
  }
  if (us.identity.site === them.identity.site) {
    return [
      {
        expected: 'sites of different names',
        found: `two that are named ${us.identity.site}`,
        remedy: 'Make the second site anew with another name: taskledger migrate --site NAME in an empty database',
      },
    ];
  }
  return [[us, them] as const, [them, us] as const].flatMap(([one, other]) => {
    const known = one.peers.find((peer) => peer.site === other.identity.site);
    if (known === undefined || known.id === other.identity.id) return [];
    return [
      {
        expected: `site ${other.identity.site} to be the database that ${one.identity.site} knows by this name`,
        found: 'another one',
        remedy: `At ${one.identity.site}, run taskledger site remove ${other.identity.site}, and give the new database a name that was never used`,
      },
    ];
  });
}

function wayProblems({ way, label, ledger }: Side, { insecure }: JoinPlan): Found[] {
  const problems: Found[] = [];
  const sslMode = new URL(way.url).searchParams.get('sslmode');
  if (sslMode !== 'verify-full' && !insecure) {
    problems.push({
      expected: `${way.option} to be encrypted and its server checked (sslmode=verify-full)`,
      found: sslMode === null ? 'no sslmode in its URL' : `sslmode=${sslMode}`,
      remedy:
        'Add sslmode=verify-full and sslrootcert to the URL, or say --insecure on a machine or network of your own',
    });
  }
  const problem = userProblem(way, label);
  if (problem !== undefined) problems.push(problem);
  if (way.tried.outcome === 'refused' && way.userFacts !== undefined) {
    problems.push({
      expected: `site ${label} to let the user of ${way.option} in`,
      found: `a refusal (SQLSTATE ${way.tried.code})`,
      remedy: 'Correct user, password and database in the URL, or pg_hba.conf of that server',
    });
  }
  const reached = way.tried.outcome === 'arrived' ? way.tried.identity : undefined;
  if (reached !== undefined && ledger !== undefined && reached.id !== ledger.identity.id) {
    problems.push({
      expected: `${way.option} to lead to site ${label}`,
      found: `site ${reached.site}`,
      remedy: `Correct the URL of ${way.option}`,
    });
  }
  return problems;
}

function userProblem({ option, user, userFacts }: Way, label: string): Found | undefined {
  if (user === undefined) {
    return {
      expected: `${option} to name its user`,
      found: 'none',
      remedy: 'Write it as postgres://USER:PASSWORD@HOST/DATABASE',
    };
  }
  const expected = `a user for ${option} that has the role taskledger_peer at site ${label}`;
  if (userFacts === undefined) {
    return {
      expected,
      found: `no user ${user}`,
      remedy: `As administrator of site ${label}, run: create role ${user} login replication password '…'; grant taskledger_peer to ${user}`,
    };
  }
  if (userFacts.isPeer) return undefined;
  return {
    expected,
    found: `${user} without it`,
    remedy: `As administrator of site ${label}, run: grant taskledger_peer to ${user}`,
  };
}

/** What replication by Postgres itself takes, on top. */
function logicalProblems(side: Side, other: Side): Found[] {
  return [...settingProblems(side, other), ...ownerProblems(side, other), ...replicationUserProblems(side)];
}

function settingProblems({ server, ledger }: Side, other: Side): Found[] {
  const isKnown = ledger?.peers.some(({ site, transport }) => site === other.label && transport === 'logical') ?? false;
  const more = isKnown ? 0 : 1;
  const streams = Math.max(server.subscriptions, ledger?.peers.length ?? 0) + more;
  const problems: Found[] = [];
  if (server.walLevel !== 'logical') {
    problems.push({
      expected: 'wal_level = logical',
      found: server.walLevel,
      remedy: 'As superuser, run alter system set wal_level = logical; restart the server. Or use --transport pull',
    });
  }
  const needs = (name: string, found: number, least: number, what: string): void => {
    if (found >= least) return;
    problems.push({
      expected: `${name} of ${least} at least, for ${what}`,
      found: String(found),
      remedy: `As superuser, run alter system set ${name} = ${Math.max(10, least)}; restart the server`,
    });
  };
  needs(
    'max_replication_slots',
    server.slots,
    server.slotsUsed + more,
    `${server.slotsUsed} slots in use and the one for the peer`,
  );
  needs(
    'max_wal_senders',
    server.senders,
    server.sendersUsed + more,
    `${server.sendersUsed} in use and the one for the peer`,
  );
  needs(
    'max_logical_replication_workers',
    server.applyProcesses,
    streams,
    `${streams} subscriptions: with fewer some never start`,
  );
  needs('max_worker_processes', server.serverProcesses, streams + 1, `${streams} subscriptions and what starts them`);
  return problems;
}

function ownerProblems({ ledger }: Side, other: Side): Found[] {
  if (ledger === undefined || ledger.ownerIsSuperuser) return [];
  const { owner } = ledger;
  const problems: Found[] = [];
  if (!ledger.ownerMaySubscribe) {
    problems.push({
      expected: `the owner of the schema, ${owner}, to be allowed to subscribe`,
      found: 'it without pg_create_subscription',
      remedy: `As superuser, run: grant pg_create_subscription to ${owner}`,
    });
  }
  if (!ledger.ownerMayCreate) {
    problems.push({
      expected: `the owner of the schema, ${owner}, to be allowed to make publications and subscriptions`,
      found: 'it without CREATE on the database',
      remedy: `As owner of the database, run: grant create on database NAME to ${owner}`,
    });
  }
  const url = new URL(other.way.url);
  if (url.password === '' && !url.searchParams.has('password')) {
    problems.push({
      expected: `${other.way.option} with a password: ${owner} is no superuser, and may subscribe by no other way`,
      found: 'none in its URL',
      remedy: 'Write it as postgres://USER:PASSWORD@HOST/DATABASE',
    });
  }
  return problems;
}

function replicationUserProblems({ way, label }: Side): Found[] {
  if (way.userFacts === undefined || way.userFacts.mayReplicate) return [];
  return [
    {
      expected: `the user of ${way.option}, ${way.userFacts.name}, to be allowed to replicate`,
      found: 'it without the attribute REPLICATION',
      remedy: `As superuser of site ${label}, run: alter role ${way.userFacts.name} replication. Or use --transport pull`,
    },
  ];
}
