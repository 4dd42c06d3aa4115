/*
 * The thread behind LeaseKeeper: one connection, one renewal of all claims on the board each third of the TTL. A renewal
 * that fails is tried again soon; when none has worked for a TTL, the runner's own clock stops the attempts before the lease
 * can end.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { renewClaims } from '../ledger/renew.ts';
import { createPool } from '../postgres/pool.ts';
import { claimsOn } from './lease-board.ts';
import { sharedMonotonicMs, type KeeperNews, type ThreadData } from './lease-keeper.ts';

const { news: newsPort, board, ...settings } = workerData as ThreadData;
const retryMs = Math.min(1000, settings.ttlMs / 15);
let timer: NodeJS.Timeout | undefined;
let pool: ReturnType<typeof createPool> | undefined;
let renewing: Promise<void> = Promise.resolve();

function tell(news: KeeperNews): void {
  newsPort.postMessage(news);
}

async function renewAll(): Promise<void> {
  const claims = claimsOn(board);
  if (claims.length === 0) return;
  pool ??= createPool({
    connectionString: settings.connectionString,
    max: 1,
    applicationName: settings.applicationName,
    // A renewal on a link that swallows everything must fail while there is time for another on a new connection.
    answerTimeoutMs: Math.max(1000, settings.ttlMs / 3),
  });
  const sentAtMs = sharedMonotonicMs();
  const kept = await renewClaims(pool, claims);
  tell({ kind: 'renewed', claimIds: [...kept], sentAtMs });
  const lost = claims.map((claim) => claim.claimId).filter((id) => !kept.has(id));
  if (lost.length > 0) tell({ kind: 'lost', claimIds: lost });
}

function schedule(ms: number): void {
  timer = setTimeout(() => {
    renewing = renewAll().then(
      () => schedule(settings.ttlMs / 3),
      (error: unknown) => {
        tell({ kind: 'trouble', reason: error instanceof Error ? error.message : String(error) });
        schedule(retryMs);
      },
    );
  }, ms);
}

// The only message is that it ends.
parentPort?.once('message', () => {
  clearTimeout(timer);
  parentPort?.close();
  void renewing.finally(() => {
    clearTimeout(timer);
    return pool?.end();
  });
});

schedule(settings.ttlMs / 3);
