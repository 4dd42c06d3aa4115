import type { Queryable } from '../postgres/queryable.ts';
import type { Signals } from '../signals.ts';

interface AnswerRequestsOptions {
  readonly db: Queryable;
  readonly signals: Signals;
}

const busyMs = 50;
const idleMs = 100;
const idleLooks = 40;

/**
 * Answers what other sites ask about the tasks this one owns, as soon as it is proven: a service of the daemon. Keeps nothing:
 * how far it has looked is in the database, moved together with what was decided.
 */
export class AnswerRequests {
  readonly name = 'answer requests';
  readonly #options: AnswerRequestsOptions;
  #isBehind = false;
  #looksWithoutBlocks = 0;

  constructor(options: AnswerRequestsOptions) {
    this.#options = options;
  }

  get everyMs(): number {
    if (this.#isBehind) return 0;
    return this.#looksWithoutBlocks < idleLooks ? busyMs : idleMs;
  }

  /** One step of every stream that has something new. @returns requests answered @throws whatever pg throws */
  async runOnce(): Promise<number> {
    const { db } = this.#options;
    this.#isBehind = false;
    const { rows } = await db.query('select stream from taskledger.unheard_streams()', []);
    this.#looksWithoutBlocks = rows.length > 0 ? 0 : this.#looksWithoutBlocks + 1;
    let answered = 0;
    for (const { stream } of rows as { stream: string }[]) answered += await this.#answer(stream);
    return answered;
  }

  async #answer(stream: string): Promise<number> {
    const { db, signals } = this.#options;
    signals.emit('requests.begun', { stream });
    const { rows } = await db.query('select answered, behind from taskledger.answer_requests($1)', [stream]);
    const [step] = rows as { answered: number; behind: boolean }[];
    // Another daemon is at it, or a realm is not open just now.
    if (step === undefined) return 0;
    this.#isBehind ||= step.behind;
    if (step.answered > 0) signals.emit('requests.answered', { stream, requests: step.answered });
    return step.answered;
  }
}
