/*
 * The thread behind LeaseKeeper: one connection, one renewal of all claims each third of the TTL. A renewal that fails is
 * tried again soon; when none has worked for a TTL, the runner's own clock stops the attempts before the lease can end.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { renewClaims } from '../ledger/renew.ts';
import type { HeldClaim } from '../ledger/settle.ts';
import { createPool } from '../postgres/pool.ts';
import { sharedMonotonicMs, type KeeperCommand, type KeeperNews, type ThreadData } from './lease-keeper.ts';

const { news: newsPort, ...settings } = workerData as ThreadData;
const held = new Map<string, HeldClaim>();
const retryMs = Math.min(1000, settings.ttlMs / 15);
let timer: NodeJS.Timeout | undefined;
let pool: ReturnType<typeof createPool> | undefined;
let renewing: Promise<void> = Promise.resolve();

function tell(news: KeeperNews): void {
  newsPort.postMessage(news);
}

async function renewAll(): Promise<void> {
  const claims = [...held.values()];
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
  // Claims dropped while the answer was on its way ended well.
  const lost = claims.map((claim) => claim.claimId).filter((id) => !kept.has(id) && held.delete(id));
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

parentPort?.on('message', (command: KeeperCommand) => {
  for (const claimId of command.drop) held.delete(claimId);
  if (command.hold !== undefined) held.set(command.hold.claimId, command.hold);
  if (command.stop === true) {
    clearTimeout(timer);
    parentPort?.close();
    void renewing.finally(() => {
      clearTimeout(timer);
      return pool?.end();
    });
  }
});

schedule(settings.ttlMs / 3);
