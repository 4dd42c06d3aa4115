import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { expect, onTestFinished } from 'vitest';
import { openLedger, type Ledger } from '../../src/open-ledger.ts';
import type { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-server.ts';
import { roleGrants } from '../../src/postgres/grants.ts';
import { runCli, spawnCli, type CliResult } from '../cli/run-cli.ts';
import { urlOfDatabase, withConnection } from './admin-connection.ts';
import type { LedgerRole } from './logins.ts';
import { placeForKeys } from './site-key-file.ts';

/** Each service has a login of its own, and the one role its work needs; the names are those of the installation page. */
const services = {
  shop_app: 'taskledger_submitter',
  shop_runner: 'taskledger_runner',
  shop_daemon: 'taskledger_daemon',
  shop_auditor: 'taskledger_auditor',
  shop_operator: 'taskledger_operator',
  tl_link: 'taskledger_peer',
} as const satisfies Readonly<Record<string, LedgerRole>>;

type User = keyof typeof services | 'shop_owner';

/** A site on a server of its own, set up as the pages say: no login of a service, nor the owner, is a superuser. */
export interface GuardedSite {
  readonly name: string;
  readonly server: EmbeddedPostgres;
  /** Of a superuser, to look. */
  readonly pool: pg.Pool;
  readonly keyFile: string;
  /** Everything its daemons logged. */
  readonly logged: () => string;
  readonly urlOf: (user: User) => string;
  /** With the rights of this user. */
  readonly ledgerOf: (user: User) => Promise<Ledger>;
  readonly cli: (user: User, ...args: string[]) => Promise<CliResult>;
  /** Gives the users their rights on the database, which go with it. */
  letIn(): Promise<void>;
  /** Starts the daemon, as `taskledger serve`; twice is fine. */
  serve(): Promise<void>;
  /** Tells it to stop, and waits for that. */
  rest(): Promise<void>;
}

/** The passwords of all logins of a test; none may be seen anywhere. */
export type Secrets = Readonly<Record<User, string>>;

export function makeSecrets(): Secrets {
  const names = ['shop_owner', ...Object.keys(services)];
  return Object.fromEntries(names.map((name) => [name, `s3cret${randomBytes(9).toString('hex')}`])) as Secrets;
}

/** What an administrator does before the owner may migrate: nothing is for everybody. */
async function administer(admin: pg.Client, secrets: Secrets): Promise<void> {
  await admin.query(`create role shop_owner login password '${secrets.shop_owner}' nosuperuser nocreaterole`);
  await admin.query('grant pg_create_subscription to shop_owner');
  for (const [user, role] of Object.entries(services)) {
    await admin.query(`create role ${role} nologin`);
    const attributes = role === 'taskledger_peer' ? 'login replication' : 'login';
    await admin.query(`create role ${user} ${attributes} password '${secrets[user as User]}' in role ${role}`);
  }
  await admin.query('create database shop template template0');
  await letIn(admin);
}

/** The owner may make its schema in the database, the services may connect, and nobody may do anything else there. */
async function letIn(admin: pg.Client): Promise<void> {
  await admin.query('revoke all on database shop from public');
  await admin.query(`grant connect on database shop to shop_owner, ${Object.keys(services).join(', ')}`);
  await admin.query('grant create on database shop to shop_owner');
}

/** Makes the site, with its key; its daemon does not run yet. `secrets`: what the logins get as passwords. */
export async function openGuardedSite(name: string, server: EmbeddedPostgres, secrets: Secrets): Promise<GuardedSite> {
  expect(Object.values(services).sort()).toEqual(Object.keys(roleGrants).sort());
  await withConnection(server.url, (admin) => administer(admin, secrets));
  const superuser = urlOfDatabase(server.url, 'shop');
  const pool = new pg.Pool({ connectionString: superuser, max: 4 });
  pool.on('error', () => undefined);
  onTestFinished(() => pool.end());
  const urlOf = (user: User): string => {
    const url = new URL(superuser);
    url.username = user;
    url.password = secrets[user];
    return url.href;
  };
  const cli = (user: User, ...args: string[]): Promise<CliResult> => runCli([...args, '--json'], { url: urlOf(user) });
  const keyFile = path.join(await placeForKeys(), `${name}.pem`);
  for (const [user, ...args] of [
    ['shop_owner', 'migrate', '--site', name],
    ['shop_operator', 'site', 'init', name, '--key', keyFile],
  ] as const) {
    const { status, stderr } = await cli(user, ...args);
    expect([args[0], status, stderr]).toEqual([args[0], 0, expect.not.stringContaining('error')]);
  }
  return {
    name,
    server,
    pool,
    keyFile,
    urlOf,
    cli,
    ledgerOf: ledgerAt(urlOf),
    letIn: () => withConnection(server.url, letIn),
    ...daemonAt(urlOf('shop_daemon'), keyFile),
  };
}

const ledgerAt =
  (urlOf: GuardedSite['urlOf']): GuardedSite['ledgerOf'] =>
  async (user) => {
    const ledger = await openLedger({ connectionString: urlOf(user) });
    onTestFinished(() => ledger.close());
    return ledger;
  };

function daemonAt(url: string, keyFile: string): Pick<GuardedSite, 'serve' | 'rest' | 'logged'> {
  let logged = '';
  let serving: ReturnType<typeof spawnCli> | undefined;
  const rest = async (): Promise<void> => {
    const child = serving;
    serving = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await exited;
  };
  onTestFinished(rest);
  const serve = async (): Promise<void> => {
    if (serving !== undefined) return;
    const child = spawnCli(['serve', '--json', '--key', keyFile], { url, env: { LOG_LEVEL: 'trace' } });
    serving = child;
    let ready = false;
    child.stdout?.on('data', () => (ready = true));
    child.stderr?.on('data', (chunk: Buffer) => (logged += chunk.toString()));
    await expect.poll(() => ready, { timeout: 20_000 }).toBe(true);
  };
  return { serve, rest, logged: () => logged };
}

/** What the server wrote to its log. */
export async function serverLog({ server }: Pick<GuardedSite, 'server'>): Promise<string> {
  return await readFile(path.join(server.dataDir, 'server.log'), 'utf8');
}

/** A URL in a file, as the command line takes it. */
export async function asFile(url: string): Promise<string> {
  const file = path.join(await placeForKeys(), 'url');
  await writeFile(file, url, { mode: 0o600 });
  return `@${file}`;
}
