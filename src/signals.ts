/**
 * Everything that happens inside a process and that logs, metrics and tests may want to know, with what is told of it.
 * A signal is not an event: nothing of it is stored. It never carries a payload, a secret or a connection string.
 * Durations are milliseconds.
 */
export interface SignalMap {
  'migrate.applied': { readonly migrations: readonly string[]; readonly functions: readonly string[] };
  'postgres.started': { readonly port: number; readonly version: string; readonly dataDir: string };
  'postgres.stopped': { readonly port: number };
  'postgres.leftover_removed': { readonly dataDir: string };
  'connection.lost': { readonly purpose: string; readonly reason: string };
  'connection.restored': { readonly purpose: string };
  'submit.recorded': { readonly tasks: number; readonly created: number; readonly durationMs: number };
  'runner.started': { readonly runner: string; readonly names: readonly string[]; readonly concurrency: number };
  'runner.draining': { readonly runner: string; readonly running: number; readonly deadlineMs: number };
  'runner.stopped': { readonly runner: string; readonly released: number };
  'runner.woken': { readonly runner: string };
  'claim.granted': {
    readonly runner: string;
    readonly asked: number;
    readonly tasks: number;
    readonly durationMs: number;
  };
  'settle.recorded': {
    readonly runner: string;
    readonly outcomes: number;
    readonly refused: number;
    readonly durationMs: number;
  };
  'claim.renewed': { readonly runner: string; readonly claims: number };
  'claim.lost': { readonly runner: string; readonly claimId: string; readonly tasks: number };
  'attempt.started': {
    readonly taskId: string;
    readonly name: string;
    readonly attempt: number;
    readonly waitedMs: number;
  };
  'attempt.ended': {
    readonly taskId: string;
    readonly name: string;
    readonly attempt: number;
    readonly outcome: 'completed' | 'failed' | 'released' | 'aborted' | 'in_doubt';
    readonly code?: string;
    readonly durationMs: number;
  };
  'attempt.refused': { readonly taskId: string; readonly reason: string };
  'sweep.done': {
    readonly expired: number;
    readonly missed: number;
    readonly overdue: number;
    readonly durationMs: number;
  };
  'service.failed': { readonly service: string; readonly code: string; readonly retryInMs: number };
}

export type SignalName = keyof SignalMap;

/** One signal as a subscriber sees it. */
export type Signal = { [N in SignalName]: { readonly name: N; readonly data: SignalMap[N] } }[SignalName];

export type SignalSubscriber = (signal: Signal) => void;

export interface Signals {
  emit<N extends SignalName>(name: N, data: SignalMap[N]): void;
  /** True if anyone listens: lets a hot path skip building what nobody reads. */
  readonly active: boolean;
  /** Calls `subscriber` for every signal until the returned function is called. A subscriber that throws is dropped. */
  subscribe(subscriber: SignalSubscriber): () => void;
  /** Resolves with the first signal of this name, from now on, that `accept` agrees to. */
  next<N extends SignalName>(name: N, accept?: (data: SignalMap[N]) => boolean): Promise<SignalMap[N]>;
}

export function createSignals(): Signals {
  const subscribers = new Set<SignalSubscriber>();
  const subscribe = (subscriber: SignalSubscriber): (() => void) => {
    subscribers.add(subscriber);
    return () => subscribers.delete(subscriber);
  };
  return {
    get active() {
      return subscribers.size > 0;
    },
    subscribe,
    emit(name, data) {
      for (const subscriber of subscribers) {
        try {
          subscriber({ name, data } as Signal);
        } catch {
          // Whoever listens must never be able to harm the work it listens to.
          subscribers.delete(subscriber);
        }
      }
    },
    next: (name, accept) =>
      new Promise((resolve) => {
        const unsubscribe = subscribe((signal) => {
          if (signal.name !== name) return;
          const data = signal.data as SignalMap[typeof name];
          if (accept !== undefined && !accept(data)) return;
          unsubscribe();
          resolve(data);
        });
      }),
  };
}
