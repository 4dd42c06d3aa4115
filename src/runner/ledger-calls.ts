import { randomUUID } from 'node:crypto';
import { announceOffers } from '../ledger/announce-offers.ts';
import { answerDoubt } from '../ledger/answer-doubt.ts';
import { exchange } from '../ledger/exchange.ts';
import { presentPins } from '../ledger/present-pins.ts';
import { reportProgress } from '../ledger/progress.ts';
import { recallClaims } from '../ledger/recall-claims.ts';
import { reportLog } from '../ledger/report-log.ts';
import { takeDoubts } from '../ledger/take-doubts.ts';
import type { PreparedQueryable } from '../postgres/queryable.ts';
import type { DispatcherOptions } from './dispatcher-options.ts';
import type { SiteOffersOptions } from './site-offers.ts';
import type { VerifierOptions } from './verifier.ts';

type DispatcherCalls = Pick<DispatcherOptions, 'exchange' | 'recall' | 'reportProgress' | 'reportLog' | 'newSecret'>;
type OffersCalls = Pick<SiteOffersOptions, 'presentPins' | 'announce'>;
type VerifierCalls = Pick<VerifierOptions, 'take' | 'answer' | 'newSecret'>;

/** What the parts of a runner ask of the ledger. A secret is a random UUID: 122 bits nobody can guess. */
export function ledgerCalls(db: PreparedQueryable): {
  readonly dispatcher: DispatcherCalls;
  readonly offers: OffersCalls;
  readonly verifier: VerifierCalls;
} {
  return {
    dispatcher: {
      exchange: (request) => exchange(db, request),
      recall: (secrets) => recallClaims(db, secrets),
      reportProgress: (lease, progress) => reportProgress(db, lease, progress),
      reportLog: (lease, log) => reportLog(db, lease, log),
      newSecret: randomUUID,
    },
    offers: {
      presentPins: (names, known) => presentPins(db, names, known),
      announce: (announcement) => announceOffers(db, announcement),
    },
    verifier: {
      take: (request) => takeDoubts(db, request),
      answer: (take, answer) => answerDoubt(db, take, answer),
      newSecret: randomUUID,
    },
  };
}
