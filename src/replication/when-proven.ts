import type { Clock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { readStreamHeads } from './stream-heads.ts';

const lookAgainMs = 200;

/**
 * Waits until two peers have proven of each other what was sealed when this began.
 * @throws LedgerError TASKLEDGER_TIMEOUT
 */
export async function whenProven(
  here: Queryable,
  there: Queryable,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): Promise<void> {
  const until = clock.monotonic() + timeoutMs;
  const goals = [
    { at: there, ...(await ownHead(here)) },
    { at: here, ...(await ownHead(there)) },
  ];
  for (const { at, site, number } of goals) {
    for (;;) {
      const proved = (await readStreamHeads(at)).get(site)?.proved ?? 0n;
      if (proved >= number) break;
      if (clock.monotonic() > until) {
        throw new LedgerError('TASKLEDGER_TIMEOUT', {
          expected: `block ${number} of site ${site} to be proven at its peer within ${timeoutMs} ms`,
          found: `it proven up to block ${proved}`,
          remedy: 'The sites are peers and go on by themselves while serve runs at both; see: taskledger site status',
        });
      }
      await clock.sleep(lookAgainMs);
    }
  }
}

async function ownHead(db: Queryable): Promise<{ site: string; number: bigint }> {
  for (const { own, site, number } of (await readStreamHeads(db)).values()) if (own) return { site, number };
  throw new Error('Expected a site to have a stream of its own.');
}
