import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import type { AnsweredState, DoubtAnswer } from '../ledger/answer-doubt.ts';
import type { Codec } from '../events/codec.ts';
import type { Handler } from '../ledger/define-task.ts';
import type { Doubt, TakeRequest } from '../ledger/take-doubts.ts';
import type { Signals } from '../signals.ts';
import { askVerify, unknown } from './ask-verify.ts';

export interface VerifierOptions {
  readonly runner: string;
  readonly handlers: ReadonlyMap<string, Handler>;
  /** How long a verify handler may take. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signals: Signals;
  readonly codec?: Codec | undefined;
  readonly newSecret: () => string;
  readonly take: (request: TakeRequest) => Promise<readonly Doubt[]>;
  readonly answer: (
    take: { readonly taskId: string; readonly secret: string },
    answer: DoubtAnswer,
  ) => Promise<AnsweredState | 'refused'>;
}

/** How often to look for doubts: a search in a small table. */
const everyMs = 1000;
/** Most verify handlers that run at the same time. */
const maxAtOnce = 10;
/** The take outlasts the handler's time by that much, for its answer to arrive. */
const answerMs = 5000;

/**
 * Asks the verify handlers of a runner about protected tasks in doubt. Each doubt is taken first, so that no two runners
 * ask about it at once; the take of a runner that died runs out by itself. Whatever goes wrong, the task stays in doubt.
 */
export class Verifier {
  readonly #options: VerifierOptions;
  readonly #names: readonly string[];
  readonly #asking = new Map<AbortController, Promise<void>>();
  #stopping: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#names = [...options.handlers].filter(([, { verify }]) => verify !== undefined).map(([name]) => name);
  }

  start(): void {
    if (this.#stopping !== undefined || this.#names.length === 0) return;
    this.#stopping = new AbortController();
    this.#running = this.#loop(this.#stopping.signal);
  }

  /** Asks no more; what is being asked is told to stop, and its doubt is given back. */
  async stop(): Promise<void> {
    this.#stopping?.abort();
    await this.#running;
    for (const over of this.#asking.keys()) over.abort(new Error('shutdown'));
    await Promise.all(this.#asking.values());
    this.#stopping = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Takes what is due, and asks to the end. Returns how many were asked about. @throws whatever pg throws */
  async runOnce(): Promise<number> {
    const begun = await this.#begin();
    await Promise.all(this.#asking.values());
    return begun;
  }

  async #loop(stopped: AbortSignal): Promise<void> {
    const { clock, signals } = this.#options;
    while (!stopped.aborted) {
      try {
        // The ends are not waited for: one slow handler must not hold up the next doubt.
        await this.#begin();
      } catch (error) {
        signals.emit('service.failed', { service: 'verify', code: errorCodeOf(error), retryInMs: everyMs });
      }
      await clock.sleep(everyMs, stopped);
    }
  }

  /** Takes what is due and begins to ask; `#asking` has the ends. */
  async #begin(): Promise<number> {
    const { runner, timeoutMs, take, newSecret } = this.#options;
    const maxDoubts = maxAtOnce - this.#asking.size;
    if (maxDoubts <= 0) return 0;
    const secret = newSecret();
    const doubts = await take({ names: this.#names, maxDoubts, runner, secret, ttlMs: timeoutMs + answerMs });
    for (const doubt of doubts) {
      const over = new AbortController();
      const asked = this.#ask(doubt, secret, over).finally(() => this.#asking.delete(over));
      this.#asking.set(over, asked);
    }
    return doubts.length;
  }

  async #ask(doubt: Doubt, secret: string, over: AbortController): Promise<void> {
    const { clock, signals, answer } = this.#options;
    const { taskId, attempt } = doubt;
    const { name } = doubt.submitted;
    signals.emit('verify.started', { taskId, name, attempt });
    const startedAt = clock.monotonic();
    const said = await this.#answerOf(doubt, over);
    try {
      const state = await answer({ taskId, secret }, said);
      const durationMs = clock.monotonic() - startedAt;
      signals.emit('verify.ended', { taskId, name, answer: said.outcome, state, durationMs });
    } catch (error) {
      // Recorded or not: if not, the take runs out and the question is asked again.
      signals.emit('service.failed', { service: 'verify', code: errorCodeOf(error), retryInMs: answerMs });
    }
  }

  async #answerOf(doubt: Doubt, over: AbortController): Promise<DoubtAnswer> {
    const { clock, handlers, timeoutMs } = this.#options;
    const handler = handlers.get(doubt.submitted.name);
    if (handler === undefined) return { outcome: 'released' };
    const answered = new AbortController();
    const stopped = new Promise<DoubtAnswer>((resolve) => {
      over.signal.addEventListener('abort', () => resolve({ outcome: 'released' }), { once: true });
    });
    const late = clock
      .sleep(timeoutMs, answered.signal)
      .then(() => unknown(`the verify handler did not answer within ${timeoutMs} ms`));
    const said = await Promise.race([stopped, askVerify(handler, doubt, over.signal, this.#options.codec), late]);
    answered.abort();
    over.abort(new Error('timeout'));
    return said;
  }
}
