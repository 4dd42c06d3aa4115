import { randomUUID } from 'node:crypto';
import { answerDoubt } from '../ledger/answer-doubt.ts';
import { exchange } from '../ledger/exchange.ts';
import { reportProgress } from '../ledger/progress.ts';
import { recallClaims } from '../ledger/recall-claims.ts';
import { takeDoubts } from '../ledger/take-doubts.ts';
import type { PreparedQueryable } from '../postgres/queryable.ts';
import type { DispatcherOptions } from './dispatcher-options.ts';
import type { VerifierOptions } from './verifier.ts';

type DispatcherCalls = Pick<DispatcherOptions, 'exchange' | 'recall' | 'reportProgress' | 'newSecret'>;
type VerifierCalls = Pick<VerifierOptions, 'take' | 'answer' | 'newSecret'>;

/** What the parts of a runner ask of the ledger. A secret is a random UUID: 122 bits nobody can guess. */
export function ledgerCalls(db: PreparedQueryable): {
  readonly dispatcher: DispatcherCalls;
  readonly verifier: VerifierCalls;
} {
  return {
    dispatcher: {
      exchange: (request) => exchange(db, request),
      recall: (secrets) => recallClaims(db, secrets),
      reportProgress: (lease, progress) => reportProgress(db, lease, progress),
      newSecret: randomUUID,
    },
    verifier: {
      take: (request) => takeDoubts(db, request),
      answer: (take, answer) => answerDoubt(db, take, answer),
      newSecret: randomUUID,
    },
  };
}
