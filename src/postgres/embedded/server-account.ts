import { readFile } from 'node:fs/promises';
import { LedgerError } from '../../errors.ts';

/** The system user the server runs as. */
export interface ServerAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * PostgreSQL refuses to run as root: root hands it to the owner of the existing cluster, else to the system user
 * `postgres`, else to `nobody`. Undefined means: as whoever we are. No user is ever created.
 * @throws LedgerError TASKLEDGER_EMBEDDED_FAILED if root finds neither user.
 */
export async function chooseServerAccount(clusterOwner?: {
  uid: number;
  gid: number;
}): Promise<ServerAccount | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  if (clusterOwner !== undefined && clusterOwner.uid !== 0) {
    return { name: `uid ${clusterOwner.uid}`, uid: clusterOwner.uid, gid: clusterOwner.gid };
  }
  const users = parsePasswd(await readFile('/etc/passwd', 'utf8').catch(() => ''));
  const account = users.get('postgres') ?? users.get('nobody');
  if (account !== undefined) return account;
  throw new LedgerError('TASKLEDGER_EMBEDDED_FAILED', {
    expected: 'a system user `postgres` or `nobody` for the server, which refuses to run as root',
    found: 'neither in /etc/passwd',
    remedy: 'Run as a user other than root, or set TASKLEDGER_DATABASE_URL to a server of your own',
  });
}

/** What `spawn` needs to start a process as this account. */
export function asAccount(account: ServerAccount | undefined): { uid?: number; gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid };
}

function parsePasswd(text: string): Map<string, ServerAccount> {
  const users = new Map<string, ServerAccount>();
  for (const line of text.split('\n')) {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    // -2 is how macOS writes its nobody.
    if (/^-?\d+$/.test(uid) && /^-?\d+$/.test(gid)) users.set(name, { name, uid: Number(uid), gid: Number(gid) });
  }
  return users;
}
