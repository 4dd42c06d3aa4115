import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import type { roleGrants } from '../../src/postgres/grants.ts';
import { withConnection } from './admin-connection.ts';

export type LedgerRole = keyof typeof roleGrants;

/** A user that logs in and has these of our roles and nothing else. */
export interface Login {
  readonly name: string;
  readonly url: string;
}

/**
 * Makes a user for the database at `url`, with a schema of its own, as applications have; it is gone when the test ends.
 */
export async function loginWith(url: string, ...roles: readonly LedgerRole[]): Promise<Login> {
  const name = `tl_login_${randomBytes(6).toString('hex')}`;
  const password = randomBytes(9).toString('hex');
  await withConnection(url, async (admin) => {
    await admin.query(`create role ${name} login password '${password}'`);
    for (const role of roles) await admin.query(`grant ${role} to ${name}`);
    await admin.query(`create schema ${name} authorization ${name}`);
  });
  onTestFinished(() => withConnection(url, (admin) => dropLogin(admin, name)));
  const own = new URL(url);
  own.username = name;
  own.password = password;
  return { name, url: own.href };
}

async function dropLogin(admin: { query(text: string): Promise<unknown> }, name: string): Promise<void> {
  await admin.query(`drop owned by ${name} cascade`);
  await admin.query(`drop role ${name}`);
}
