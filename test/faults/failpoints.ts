/** A step of a runner's work at which a test kills it. */
export interface Failpoint {
  readonly at: string;
  /** What the process dies at: see `diesAt` of `spawnRunner`. */
  readonly diesAt: string;
  /** What its handler does before its effect, and between that and its return. */
  readonly before?: string;
  readonly after?: string;
  /** What it leaves behind: nothing, a lease to be lost, or its outcome. */
  readonly leaves: 'nothing' | 'a lease' | 'its outcome';
  readonly effects: 0 | 1;
}

const untilKilled = 'await new Promise(() => undefined);';

/** Every step of claim, run and settle, in their order. */
export const failpoints: readonly Failpoint[] = [
  {
    at: 'a claim is about to be sent',
    diesAt: `name === 'exchange.begun' && data.asked > 0`,
    leaves: 'nothing',
    effects: 0,
  },
  { at: 'a claim was answered', diesAt: `name === 'claim.granted' && data.tasks > 0`, leaves: 'a lease', effects: 0 },
  { at: 'an attempt was started', diesAt: `name === 'attempt.started'`, leaves: 'a lease', effects: 0 },
  {
    at: 'a checkpoint is about to be sent',
    before: 'await progress({ checkpoint: 1 });',
    diesAt: `name === 'progress.begun'`,
    leaves: 'a lease',
    effects: 0,
  },
  {
    at: 'a checkpoint was recorded',
    before: 'await progress({ checkpoint: 1 });',
    diesAt: `name === 'progress.answered'`,
    leaves: 'a lease',
    effects: 0,
  },
  {
    at: 'the effect is done and nobody knows',
    after: `process.kill(process.pid, 'SIGKILL'); ${untilKilled}`,
    diesAt: 'false',
    leaves: 'a lease',
    effects: 1,
  },
  {
    at: 'the lease was renewed',
    after: untilKilled,
    diesAt: `name === 'claim.renewed'`,
    leaves: 'a lease',
    effects: 1,
  },
  {
    at: 'a sweep is about to be sent',
    after: `arm(); ${untilKilled}`,
    diesAt: `armed && name === 'sweep.begun'`,
    leaves: 'a lease',
    effects: 1,
  },
  {
    at: 'a sweep is done',
    after: `arm(); ${untilKilled}`,
    diesAt: `armed && name === 'sweep.done'`,
    leaves: 'a lease',
    effects: 1,
  },
  { at: 'an outcome is ready', diesAt: `name === 'attempt.ended'`, leaves: 'a lease', effects: 1 },
  {
    at: 'an outcome is about to be sent',
    diesAt: `name === 'exchange.begun' && data.outcomes > 0`,
    leaves: 'a lease',
    effects: 1,
  },
  { at: 'an outcome was recorded', diesAt: `name === 'settle.recorded'`, leaves: 'its outcome', effects: 1 },
  {
    at: 'the runner drains',
    after: `void runner.stop(); ${untilKilled}`,
    diesAt: `name === 'runner.draining'`,
    leaves: 'a lease',
    effects: 1,
  },
  {
    at: 'an unfinished attempt is about to be given back',
    after: `void runner.stop(0); ${untilKilled}`,
    diesAt: `name === 'exchange.begun' && data.outcomes > 0`,
    leaves: 'a lease',
    effects: 1,
  },
];
