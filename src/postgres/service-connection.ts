import pg from 'pg';
import { requireConnectionString } from './connection-string.ts';
import { endWithin } from './end-connection.ts';
import type { Queryable } from './queryable.ts';

/** One session of its own: for transactions, cursors and advisory locks that live as long as it does. */
export interface ServiceConnection extends Queryable {
  /** True once it was closed, by us or by whatever happened to it. */
  readonly ended: boolean;
  /** Never throws; twice is fine. */
  end(): Promise<void>;
}

const connectTimeoutMs = 10_000;

/**
 * Connects once; a service that fails throws the connection away and makes another. The server ends the session, and with
 * it its locks, within seconds when this host is gone without a word.
 * @param answerTimeoutMs how long a statement may go unanswered before the connection is given up; default 60 000
 * @throws LedgerError TASKLEDGER_INVALID_URL, and whatever pg throws
 */
export async function connectForOneService(
  connectionString: string,
  applicationName: string,
  answerTimeoutMs = 60_000,
): Promise<ServiceConnection> {
  const client = new pg.Client({
    connectionString: requireConnectionString(connectionString),
    application_name: applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: answerTimeoutMs,
    keepAlive: true,
  });
  let ended = false;
  const onEnd = (): void => {
    ended = true;
  };
  client.on('error', onEnd);
  client.on('end', onEnd);
  const end = async (): Promise<void> => {
    if (!ended) await endWithin(client.end(), () => [client]);
    ended = true;
  };
  try {
    await client.connect();
    await client.query(sessionSettings);
  } catch (error) {
    await end();
    throw error;
  }
  return {
    get ended() {
      return ended;
    },
    query: (text, values) => client.query(text, values),
    end,
  };
}

/** Dead peers are noticed after about 8 s, and a stopped process does not hold a transaction open for longer than 10 s. */
const sessionSettings = `
  set tcp_keepalives_idle = 3; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 2; set tcp_user_timeout = 8000;
  set idle_in_transaction_session_timeout = 10000`;
