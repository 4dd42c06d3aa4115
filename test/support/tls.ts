import { execFileSync } from 'node:child_process';
import { chmod, chown, copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-server.ts';
import { withConnection } from './admin-connection.ts';

/** A certificate authority of a test's own. */
export interface TestAuthority extends AsyncDisposable {
  /** Its certificate, PEM, readable to every user of the machine: what `sslrootcert` names. */
  readonly certificate: string;
  /** Where a private key and certificate for 127.0.0.1 and localhost are. */
  readonly server: { readonly key: string; readonly certificate: string };
}

export async function createAuthority(): Promise<TestAuthority> {
  const directory = await mkdtemp(path.join(tmpdir(), 'taskledger-tls-'));
  // Servers that root starts run as another user.
  await chmod(directory, 0o755);
  const file = (name: string): string => path.join(directory, name);
  const openssl = (...args: string[]): unknown => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await writeFile(file('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  openssl('req', '-x509', ...newKey, '-subj', '/CN=tests', '-days', '2', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', ...newKey, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr');
  openssl(
    ...['x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2'],
    ...['-extfile', 'names', '-out', 'server.pem'],
  );
  await chmod(file('ca.pem'), 0o644);
  return {
    certificate: file('ca.pem'),
    server: { key: file('server.key'), certificate: file('server.pem') },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Switches TLS on at a server, and lets `user` into `database` by the line of docs/guides/sites.md and by no other. */
export async function encrypt(
  server: EmbeddedPostgres,
  { server: own }: TestAuthority,
  { database, user }: { readonly database: string; readonly user: string },
): Promise<void> {
  const data = path.join(server.dataDir, 'data');
  const { uid, gid } = await stat(data);
  for (const [from, name] of [
    [own.key, 'server.key'],
    [own.certificate, 'server.crt'],
  ] as const) {
    await copyFile(from, path.join(data, name));
    await chmod(path.join(data, name), 0o600);
    await chown(path.join(data, name), uid, gid);
  }
  const access = path.join(data, 'pg_hba.conf');
  const rules = [`hostssl ${database} ${user} 127.0.0.1/32 scram-sha-256`, `host all,replication ${user} all reject`];
  await writeFile(access, `${rules.join('\n')}\n${await readFile(access, 'utf8')}`);
  await withConnection(server.url, async (admin) => {
    await admin.query('alter system set ssl = on');
    await admin.query('select pg_reload_conf()');
  });
}
