import { request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { PostgreSqlContainer } from '@testcontainers/postgresql';
import { LedgerError } from '../../src/errors.ts';
import { startEmbeddedPostgres } from '../../src/postgres/embedded/start-embedded-postgres.ts';
import { inMemory } from './in-memory.ts';

const dockerAnswerMs = 1_000;
const containerImage = 'postgres:18.4';
const olderServers = new URL('../postgres-versions/node_modules/', import.meta.url);

/** Tests of durability start a server of their own; to all others a crash of the machine is of no concern. */
const testSettings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'logical',
  max_connections: '200',
  max_wal_senders: '60',
  max_replication_slots: '60',
  max_logical_replication_workers: '40',
  max_worker_processes: '60',
  wal_retrieve_retry_interval: '500ms',
};

const kinds = ['url', 'testcontainers', 'embedded'] as const;

export type TestServerKind = (typeof kinds)[number];

export interface TestServer {
  readonly kind: TestServerKind;
  /** Of a user that may create databases. */
  readonly adminUrl: string;
  stop(): Promise<void>;
}

/**
 * The server of a test run: what TASKLEDGER_TEST_SERVER forces, else the one at TEST_DATABASE_URL, else a container
 * where a Docker engine answers, else the embedded one.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION if the one that is forced is not to be had.
 */
export async function startTestServer(env: NodeJS.ProcessEnv = process.env): Promise<TestServer> {
  const url = env['TEST_DATABASE_URL'];
  const kind = await chooseTestServer(env);
  if (kind === 'url') return { kind, adminUrl: url ?? '', stop: () => Promise.resolve() };
  if (kind === 'embedded') {
    const options = { settings: testSettings, binaries: testBinaries(env) };
    const server = await inMemory(() => startEmbeddedPostgres(options));
    return { kind, adminUrl: server.url, stop: () => server.stop('immediate') };
  }
  const command = ['postgres', ...Object.entries(testSettings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const container = await new PostgreSqlContainer(containerImage).withCommand(command).start();
  return {
    kind,
    adminUrl: container.getConnectionUri(),
    stop: async () => {
      await container.stop();
    },
  };
}

/**
 * The server programs of the version that `npm run test:postgres` asks for; undefined means the newest, which is installed
 * with the package.
 */
export function testBinaries(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const version = env['TEST_POSTGRES_VERSION'] ?? '';
  return ['', '18'].includes(version) ? undefined : fileURLToPath(new URL(`postgres-${version}`, olderServers));
}

/** Which server it is going to be. Answers within about a second. */
export async function chooseTestServer(env: NodeJS.ProcessEnv): Promise<TestServerKind> {
  const forced = env['TASKLEDGER_TEST_SERVER'];
  const hasUrl = (env['TEST_DATABASE_URL'] ?? '') !== '';
  if (forced === undefined || forced === '') {
    return hasUrl ? 'url' : (await dockerAnswers(env)) ? 'testcontainers' : 'embedded';
  }
  const kind = kinds.find((each) => each === forced);
  if (kind === undefined) throw unavailable(`one of ${kinds.join(', ')}`, forced, 'Choose one of them');
  if (kind === 'url' && !hasUrl) {
    throw unavailable(
      'TEST_DATABASE_URL to be set',
      'it empty',
      'Set it to the URL of a superuser on PostgreSQL 16 or newer',
    );
  }
  if (kind === 'testcontainers' && !(await dockerAnswers(env))) {
    throw unavailable('a Docker engine', 'none that answers', 'Start it, or choose url or embedded');
  }
  return kind;
}

/** Asks the engine itself: a socket without anybody behind it is not enough, and must not keep us waiting. */
async function dockerAnswers(env: NodeJS.ProcessEnv): Promise<boolean> {
  const sockets = ['/var/run/docker.sock', `${env['XDG_RUNTIME_DIR'] ?? '/run/user/0'}/docker.sock`];
  const host = env['DOCKER_HOST'] ?? '';
  const targets = host === '' ? sockets.map((socketPath) => ({ socketPath })) : [dockerTarget(host)];
  const answers = await Promise.all(targets.map(async (target) => await ping(target)));
  return answers.includes(true);
}

function dockerTarget(host: string): { socketPath: string } | { host: string; port: string } {
  const url = new URL(host);
  return url.protocol === 'unix:' ? { socketPath: url.pathname } : { host: url.hostname, port: url.port || '2375' };
}

async function ping(target: { socketPath: string } | { host: string; port: string }): Promise<boolean> {
  return await new Promise((resolve) => {
    const call = request({ ...target, path: '/_ping', signal: AbortSignal.timeout(dockerAnswerMs) }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.on('error', () => resolve(false));
    call.end();
  });
}

function unavailable(expected: string, found: string, remedy: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `for TASKLEDGER_TEST_SERVER ${expected}`,
    found,
    remedy,
  });
}
