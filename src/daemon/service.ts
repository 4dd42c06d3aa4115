/**
 * A part of a site's daemon: something that is to be done again and again. The daemon decides when, and what happens when
 * it fails; a service keeps nothing between two runs that it could not make anew.
 */
export interface Service {
  /** Named so in signals and logs. */
  readonly name: string;
  /** Pause until the next run, milliseconds; asked after each. */
  readonly everyMs: number;
  /** One run, to its end. What it throws is reported, and the next run comes after a growing pause. */
  runOnce(): Promise<unknown>;
  /** Gives up what it keeps between two runs, such as a connection; after the last run. */
  stop?(): Promise<void>;
}
