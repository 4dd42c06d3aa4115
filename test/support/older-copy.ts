import type pg from 'pg';
import { expect, onTestFinished } from 'vitest';
import { urlOfDatabase, withConnection } from './admin-connection.ts';

/** A second database with what this one holds now, as a backup that was restored; whoever is connected is sent away. */
export async function copyOf(url: string, as = 'older'): Promise<string> {
  const from = new URL(url).pathname.slice(1);
  const name = `${from}_${as}`;
  const admin = urlOfDatabase(url, 'postgres');
  const copy = async (client: pg.Client): Promise<boolean> => {
    await client.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [from]);
    return client.query(`create database ${name} template ${from}`).then(
      () => true,
      () => false,
    );
  };
  await withConnection(admin, (client) => expect.poll(() => copy(client), { timeout: 20_000 }).toBe(true));
  onTestFinished(() =>
    withConnection(admin, (client) => client.query(`drop database if exists ${name} with (force)`)).then(
      () => undefined,
    ),
  );
  return urlOfDatabase(url, name);
}
