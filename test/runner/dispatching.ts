import { vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { Lease } from '../../src/ledger/claim.ts';
import type { Handler } from '../../src/ledger/define-task.ts';
import type { ExchangeAnswer, ExchangeRequest } from '../../src/ledger/exchange.ts';
import { Dispatcher } from '../../src/runner/dispatcher.ts';
import type { DispatcherOptions } from '../../src/runner/dispatcher-options.ts';
import { Offers } from '../../src/runner/offers.ts';
import { Places } from '../../src/runner/places.ts';
import { createSignals, type Signals } from '../../src/signals.ts';
import { deferred } from './fakes.ts';

interface Dispatching {
  readonly dispatcher: Dispatcher;
  readonly signals: Signals;
  /** Exchanges that were sent and have no answer yet. */
  readonly waiting: number;
  /** The oldest of them. */
  readonly request: ExchangeRequest;
  /** Answers, or fails, the oldest. */
  answer(answer: ExchangeAnswer): Promise<void>;
  fail(error: Error): Promise<void>;
  /** Answers the oldest with a claim. */
  grant(leases: readonly Lease[]): Promise<void>;
  readonly claimsDone: readonly string[];
}

/** A dispatcher whose exchanges the test answers. Its clock is the timers', which the test must have faked. */
export function dispatching(handler: Handler, more: Partial<DispatcherOptions> = {}): Dispatching {
  const signals = createSignals();
  const sent: { readonly request: ExchangeRequest; readonly reply: ReturnType<typeof deferred<ExchangeAnswer>> }[] = [];
  const claimsDone: string[] = [];
  const dispatcher = new Dispatcher({
    runner: 'r1',
    host: 'h1',
    offers: { now: new Offers(new Map([[handler.definition.name, handler]])).offered([]) },
    queues: undefined,
    concurrency: 10,
    places: new Places(more.concurrency ?? 10),
    site: 'local',
    own: true,
    maxBatch: 500,
    connections: 3,
    prefetch: true,
    ttlMs: 15_000,
    clock: systemClock,
    random: () => 0.5,
    signals,
    exchange: (request) => {
      const reply = deferred<ExchangeAnswer>();
      sent.push({ request, reply });
      return reply.promise;
    },
    recall: () => Promise.resolve([]),
    newSecret: () => 'a secret of this claim alone',
    reportProgress: () => Promise.resolve('noted'),
    reportLog: () => Promise.resolve('nobody'),
    onClaim: () => undefined,
    onClaimDone: (claimId) => claimsDone.push(claimId),
    onAnswer: () => undefined,
    rings: () => true,
    ...more,
  });
  const oldest = () => {
    const first = sent.shift();
    if (first === undefined) throw new Error('no exchange is under way');
    return first.reply;
  };
  const answer = async (reply: ExchangeAnswer): Promise<void> => {
    oldest().resolve(reply);
    await vi.advanceTimersByTimeAsync(0);
  };
  return {
    dispatcher,
    signals,
    get waiting() {
      return sent.length;
    },
    get request() {
      if (sent[0] === undefined) throw new Error('no exchange is under way');
      return sent[0].request;
    },
    answer,
    fail: async (error) => {
      oldest().reject(error);
      await vi.advanceTimersByTimeAsync(0);
    },
    grant: (leases) =>
      answer({ verdicts: [], claim: { claimId: '1', secret: 'secret of 1', leases, size: 100 * leases.length } }),
    claimsDone,
  };
}

/** The tasks whose outcomes a request carries. */
export function idsOf({ settle }: ExchangeRequest): string[] {
  return (settle?.outcomes ?? []).map(({ taskId }) => taskId);
}
