import type { Clock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import { connectForOneService, type ServiceConnection } from '../postgres/service-connection.ts';
import { isAway } from '../postgres/wait-for-site.ts';
import type { Signals } from '../signals.ts';
import { readAcknowledged, type RecordedEvent } from './acknowledge.ts';
import { readIdentity } from './peer.ts';

/** `here`: it has all of them. `not-yet`: it answered, and had not. `silent`: it gave no answer. */
export type PeerAnswer = 'here' | 'not-yet' | 'silent';

interface PeerAskerOptions {
  /** The name of the peer. */
  readonly site: string;
  /** A secret; of a user with the role taskledger_peer. */
  readonly url: string;
  readonly clock: Clock;
  readonly signals: Signals;
}

/** One call that waits for this peer. */
interface Question {
  /** What the peer has not acknowledged yet. */
  missing: readonly RecordedEvent[];
  isAnswered: boolean;
  readonly end: (answer: PeerAnswer | Error) => void;
}

const firstPauseMs = 2;
const longestPauseMs = 50;
const pauseGrowth = 1.5;
/** An answer that takes longer will not come any more: the link is dead, or the peer as good as that. */
const answerTimeoutMs = 2000;
/** Between attempts to reach a peer that is away. */
const retryPauseMs = 200;
/** A connection nobody needs is kept so long. */
const idleMs = 10_000;
/** Of one call: until these are there, the others need not be asked for. */
const eventsPerQuestion = 500;

/**
 * Asks one peer which events it has, again and again, for all calls that wait: one connection, one question at a time for
 * everything that is waited for. A caller never waits for the link: its signal ends its question at once.
 */
export class PeerAsker {
  readonly #options: PeerAskerOptions;
  readonly #questions = new Set<Question>();
  #connection: ServiceConnection | undefined;
  #isRunning = false;
  #isClosed = false;
  #isLost = false;
  #pauseMs = firstPauseMs;
  #woken = new AbortController();

  constructor(options: PeerAskerOptions) {
    this.#options = options;
  }

  get site(): string {
    return this.#options.site;
  }

  /**
   * Resolves when the peer has all of these events, or when `signal` aborts.
   * @throws LedgerError TASKLEDGER_NOT_A_PEER, and others that no waiting mends: a wrong password, a missing right
   */
  async ask(events: readonly RecordedEvent[], signal: AbortSignal): Promise<PeerAnswer> {
    if (signal.aborted || this.#isClosed) return 'silent';
    return await new Promise<PeerAnswer>((resolve, reject) => {
      const end = (answer: PeerAnswer | Error): void => {
        signal.removeEventListener('abort', onAbort);
        this.#questions.delete(question);
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      };
      const question: Question = { missing: events, isAnswered: false, end };
      const onAbort = (): void => end(question.isAnswered ? 'not-yet' : 'silent');
      signal.addEventListener('abort', onAbort);
      this.#questions.add(question);
      this.#pauseMs = firstPauseMs;
      this.#woken.abort();
      if (!this.#isRunning) void this.#run();
    });
  }

  /** Asks nothing any more. Who waits ends by its own signal. Never throws. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#woken.abort();
    await this.#disconnect();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (!this.#isClosed) {
      if (!this.#isAsked()) await this.#pause(idleMs);
      if (!this.#isAsked()) break;
      const isDone = await this.#askOnce();
      if (!isDone) await this.#pause(this.#isLost ? retryPauseMs : this.#pauseMs);
      this.#pauseMs = isDone ? firstPauseMs : Math.min(this.#pauseMs * pauseGrowth, longestPauseMs);
    }
    this.#isRunning = false;
    await this.#disconnect();
  }

  /** Asks for everything that is waited for. @returns whether something of it has arrived */
  async #askOnce(): Promise<boolean> {
    const asked = [...this.#questions];
    const { signals, site } = this.#options;
    try {
      const connection = await this.#connect();
      const acknowledged = await readAcknowledged(
        connection,
        asked.flatMap(({ missing }) => missing.slice(0, eventsPerQuestion)),
      );
      if (this.#isLost) signals.emit('connection.restored', { purpose: `peer ${site}` });
      this.#isLost = false;
      for (const question of asked) {
        question.isAnswered = true;
        question.missing = question.missing.filter((event) => !acknowledged.has(event));
        if (question.missing.length === 0) question.end('here');
      }
      return acknowledged.size > 0;
    } catch (error) {
      // Nobody waits for the goodbye: over a dead link it takes seconds.
      void this.#disconnect();
      this.#failed(asked, error);
      return false;
    }
  }

  #failed(asked: readonly Question[], cause: unknown): void {
    const { signals, site } = this.#options;
    const error = translateSqlError(cause);
    const reason = error instanceof Error ? error : new Error(String(error));
    if (!isAway(error)) for (const question of asked) question.end(reason);
    if (this.#isLost || this.#isClosed) return;
    this.#isLost = true;
    signals.emit('connection.lost', { purpose: `peer ${site}`, reason: reason.message });
  }

  async #connect(): Promise<ServiceConnection> {
    if (this.#connection?.ended === false) return this.#connection;
    const { url, site } = this.#options;
    const connection = await connectForOneService(url, 'taskledger acknowledge', answerTimeoutMs);
    this.#connection = connection;
    const found = await readIdentity(connection);
    if (found.site !== site) throw wrongSite(site, found.site);
    return connection;
  }

  async #disconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.end();
  }

  #isAsked(): boolean {
    return this.#questions.size > 0;
  }

  async #pause(ms: number): Promise<void> {
    this.#woken = new AbortController();
    await this.#options.clock.sleep(ms, this.#woken.signal);
  }
}

function wrongSite(expected: string, found: string): LedgerError {
  return new LedgerError('TASKLEDGER_NOT_A_PEER', {
    expected: `site ${expected} at the URL that peers gives for it`,
    found: `site ${found}`,
    remedy: 'Correct the URL, or the name before it',
  });
}
