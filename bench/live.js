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
 * Submits so many tasks a second for so long, in a call every 10 ms; a call that is late is not left out.
 * @param submit `(count)` → promise; up to four calls are under way at once
 */
export async function pace(perSecond, ms, submit) {
  const turnMs = 10;
  const underWay = new Set();
  let owed = 0;
  let submitted = 0;
  const startedAt = performance.now();
  for (let next = startedAt; next < startedAt + ms; next += turnMs) {
    await sleep(Math.max(0, next - performance.now()));
    owed += (perSecond * turnMs) / 1000;
    const count = Math.floor(owed);
    owed -= count;
    if (count === 0) continue;
    if (underWay.size >= 4) await Promise.race(underWay);
    const call = submit(count).finally(() => underWay.delete(call));
    underWay.add(call);
    submitted += count;
  }
  await Promise.all(underWay);
  return submitted;
}

/** Tasks a second between two moments, by what the runners said of themselves. */
export function rateBetween(samples, from, to) {
  const within = samples.filter(({ at }) => at >= from && at <= to);
  const [first, last] = [within[0], within.at(-1)];
  if (first === undefined || last.at === first.at) return 0;
  return ((last.completed - first.completed) / (last.at - first.at)) * 1000;
}
