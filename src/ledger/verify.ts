/**
 * What a verify handler found out about an attempt whose end nobody knows. Answer `not_executed` only when it cannot take
 * effect any more either: the task may start again at once. Whatever is not certain is `unknown`, and asked again later.
 */
export type VerifyAnswer<Output> =
  | { readonly outcome: 'completed'; readonly output: Output }
  | { readonly outcome: 'not_executed'; readonly reason?: string }
  | { readonly outcome: 'unknown'; readonly reason?: string };

export interface VerifyContext<Input> {
  readonly taskId: string;
  readonly name: string;
  readonly input: Input;
  /** The attempt in doubt. */
  readonly attempt: number;
  /** Aborts when the time to answer is over, or the runner stops; whatever is answered afterwards counts for nothing. */
  readonly signal: AbortSignal;
}

/** Asked about a protected task in doubt: by one runner at a time, as often as it takes. It must not change anything. */
export type VerifyFunction<Input, Output> = (
  context: VerifyContext<Input>,
) => Promise<VerifyAnswer<Output>> | VerifyAnswer<Output>;
