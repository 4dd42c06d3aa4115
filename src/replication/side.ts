import { LedgerError, errorCodeOf } from '../errors.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { checkSchema } from '../postgres/schema-status.ts';
import { connectForOneService } from '../postgres/service-connection.ts';
import { readIdentity, type SiteIdentity } from './peer.ts';
import {
  readLedgerFacts,
  readServerFacts,
  readUserFacts,
  type LedgerFacts,
  type ServerFacts,
  type UserFacts,
} from './site-facts.ts';

/** One of two sites that are to be peers, as it was found. */
export interface Side {
  /** Its name, or which of the two it is while that is not known. */
  readonly label: string;
  readonly server: ServerFacts;
  /** Why nothing more is known of it. */
  readonly refusal: LedgerError | undefined;
  readonly ledger: (LedgerFacts & { readonly identity: SiteIdentity }) | undefined;
  /** The way the other site takes to it. */
  readonly way: Way;
}

export interface Way {
  readonly option: '--link' | '--back-link';
  /** A secret. */
  readonly url: string;
  /** The user the URL names. */
  readonly user: string | undefined;
  /** Undefined when the server knows no such user. */
  readonly userFacts: UserFacts | undefined;
  /** What came of taking it from this machine. */
  readonly tried: Tried;
}

export type Tried =
  | { readonly outcome: 'arrived'; readonly identity: SiteIdentity }
  /** The server answered, and did not let the user in. */
  | { readonly outcome: 'refused'; readonly code: string }
  /** Not to be had from here, which says nothing of the servers. */
  | { readonly outcome: 'away'; readonly code: string };

interface Survey {
  /** With the rights of an operator. */
  readonly db: Queryable;
  readonly label: string;
  readonly option: Way['option'];
  readonly url: string;
}

const answerTimeoutMs = 10_000;
/** Passwords, users and databases the server does not accept. */
const refusals = /^(28...|3D000)$/;

/** Looks at a site from its own database, and at the way to it. @throws whatever pg throws when `db` does not answer */
export async function readSide({ db, label, option, url }: Survey): Promise<Side> {
  const server = await readServerFacts(db);
  const known = await readLedger(db);
  const user = userOf(url);
  const way = {
    option,
    url,
    user,
    userFacts: user === undefined ? undefined : await readUserFacts(db, user),
    tried: await tryWay(url),
  };
  if (known instanceof LedgerError) return { label, server, refusal: known, ledger: undefined, way };
  return { label: known.identity.site, server, refusal: undefined, ledger: known, way };
}

async function readLedger(db: Queryable): Promise<NonNullable<Side['ledger']> | LedgerError> {
  try {
    await checkSchema(db);
    return { identity: await readIdentity(db), ...(await readLedgerFacts(db)) };
  } catch (error) {
    if (error instanceof LedgerError) return error;
    throw error;
  }
}

async function tryWay(url: string): Promise<Tried> {
  try {
    const connection = await connectForOneService(url, 'taskledger site add', answerTimeoutMs);
    try {
      return { outcome: 'arrived', identity: await readIdentity(connection) };
    } finally {
      await connection.end();
    }
  } catch (error) {
    const code = errorCodeOf(error);
    return { outcome: refusals.test(code) ? 'refused' : 'away', code };
  }
}

function userOf(url: string): string | undefined {
  const { username, searchParams } = new URL(url);
  const user = username === '' ? (searchParams.get('user') ?? '') : decodeURIComponent(username);
  return user === '' ? undefined : user;
}
