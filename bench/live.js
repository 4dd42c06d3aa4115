// Load on runners that are at work: as much as they take, or at a steady rate.
import { setTimeout as sleep } from 'node:timers/promises';

const batch = 2_500;
/** Waiting tasks between which the load keeps the runners busy. */
const fewest = 10_000;

/** Keeps tasks waiting for so long. @returns how many were submitted */
export async function feed(peer, runners, ms, submittedBefore = 0) {
  let submitted = submittedBefore;
  for (const until = performance.now() + ms; performance.now() < until;) {
    if (submitted - runners.completed() > fewest) {
      await sleep(2);
      continue;
    }
    await peer.submit(batch, batch);
    submitted += batch;
  }
  return submitted;
}

/**
 * Submits so many tasks a second for so long, with a call every 10 ms; what a late call owes is in the next one.
 * @param submit `(count)` → promise; up to four calls are under way at once
 * @returns how many were submitted
 */
export async function pace(perSecond, ms, submit) {
  const turnMs = 10;
  const underWay = new Set();
  const startedAt = performance.now();
  let submitted = 0;
  let failure;
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - startedAt) {
    const count = Math.floor((perSecond * elapsed) / 1000) - submitted;
    if (count > 0) {
      submitted += count;
      const call = submit(count)
        .catch((error) => (failure ??= error))
        .finally(() => underWay.delete(call));
      underWay.add(call);
    }
    await sleep(turnMs - ((performance.now() - startedAt) % turnMs));
    if (underWay.size >= 4) await Promise.race(underWay);
    if (failure !== undefined) throw failure;
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure;
  return submitted;
}

/** Tasks a second between two moments, by what the runners said of themselves. */
export function rateBetween(samples, from, to) {
  const within = samples.filter(({ at }) => at >= from && at <= to);
  const [first, last] = [within[0], within.at(-1)];
  if (first === undefined || last.at === first.at) return 0;
  return ((last.completed - first.completed) / (last.at - first.at)) * 1000;
}
