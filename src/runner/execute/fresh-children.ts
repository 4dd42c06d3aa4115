import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { ChildAttempt, type ChildWork } from './child-attempt.ts';
import type { ChildPlace } from './child-place.ts';
import type { Ending } from './execution.ts';

/** A fresh child process for each attempt. Made for long tasks: a start costs some 40 ms and as many megabytes. */
export class FreshChildren {
  readonly #place: ChildPlace;
  readonly #clock: Clock;

  constructor(place: ChildPlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
  }

  /** @throws AttemptFailure as `ChildPlace.start` */
  async run(work: ChildWork): Promise<Ending> {
    const child = await this.#place.start(work.program, work.directory);
    const attempt = new ChildAttempt({
      ...work,
      child,
      clock: this.#clock,
      nonce: randomUUID(),
      earlier: new Set(),
      onResult: () => child.linger(),
    });
    child.listen(attempt);
    attempt.start();
    return attempt.ending(await child.ended);
  }
}
