/**
 * Everything that happens inside a process and that logs, metrics and tests may want to know, with what is told of it.
 * A signal is not an event: nothing of it is stored. It never carries a payload, a secret or a connection string, unless a
 * handler logs one (`attempt.logged`).
 * Durations are milliseconds.
 */
export interface SignalMap {
  /** A database was migrated: what was applied. */
  'migrate.applied': { readonly migrations: readonly string[]; readonly functions: readonly string[] };
  /** The embedded PostgreSQL answers. */
  'postgres.started': { readonly port: number; readonly version: string; readonly dataDir: string };
  /** The embedded PostgreSQL ended. */
  'postgres.stopped': { readonly port: number };
  /** Data of an embedded PostgreSQL that had been cut off were removed. */
  'postgres.leftover_removed': { readonly dataDir: string };
  /** A connection that is always open broke; it is made again. */
  'connection.lost': { readonly purpose: string; readonly reason: string };
  /** It is there again. */
  'connection.restored': { readonly purpose: string };
  /** Tasks were submitted; the others were known by their keys. */
  'submit.recorded': { readonly tasks: number; readonly created: number; readonly durationMs: number };
  /** A runner begins to claim. */
  'runner.started': { readonly runner: string; readonly names: readonly string[]; readonly concurrency: number };
  /** What holds the attempts of a runner to their limits here, and what this machine lacks for more. */
  'runner.limits': {
    readonly runner: string;
    readonly layers: readonly string[];
    readonly missing: readonly string[];
    readonly held: readonly string[];
  };
  /** A runner claims no more, and waits for what it runs. */
  'runner.draining': { readonly runner: string; readonly running: number; readonly deadlineMs: number };
  /** A runner has ended, and gave that many leases back. */
  'runner.stopped': { readonly runner: string; readonly released: number };
  /** The plugins of a runner were read: those that came, those that went, `name@version` each, and how many problems there are. */
  'plugins.installed': {
    readonly runner: string;
    readonly added: readonly string[];
    readonly removed: readonly string[];
    readonly problems: number;
  };
  /** Something is wrong with a plugin: what was installed of it before goes on being run. */
  'plugins.refused': { readonly runner: string; readonly reason: string };
  /** A runner was told that there is something to do. */
  'runner.woken': { readonly runner: string };
  /** A round trip to the ledger is about to be sent: outcomes to settle, leases asked for. */
  'exchange.begun': { readonly runner: string; readonly outcomes: number; readonly asked: number };
  /** A runner asked for leases and got that many. */
  'claim.granted': {
    readonly runner: string;
    readonly asked: number;
    readonly tasks: number;
    readonly durationMs: number;
  };
  /** Outcomes were recorded, or refused because their leases were lost. */
  'settle.recorded': {
    readonly runner: string;
    readonly outcomes: number;
    readonly refused: number;
    readonly durationMs: number;
  };
  /** Leases were kept. */
  'claim.renewed': { readonly runner: string; readonly claims: number };
  /** Leases were lost: their attempts are stopped, and their results will be refused. */
  'claim.lost': { readonly runner: string; readonly claimId: string; readonly tasks: number };
  /** A handler is about to run; the task had been due that long. */
  'attempt.started': {
    readonly taskId: string;
    readonly name: string;
    readonly attempt: number;
    readonly waitedMs: number;
  };
  /** A handler has ended, and how. */
  'attempt.ended': {
    readonly taskId: string;
    readonly name: string;
    readonly attempt: number;
    readonly outcome: 'completed' | 'failed' | 'released' | 'aborted' | 'in_doubt';
    readonly code?: string;
    readonly durationMs: number;
  };
  /** A handler has logged a line; `message` and `fields` are its own. */
  'attempt.logged': {
    readonly taskId: string;
    readonly name: string;
    readonly attempt: number;
    readonly level: 'debug' | 'info' | 'warn' | 'error';
    readonly message: string;
    readonly fields?: Readonly<Record<string, unknown>> | undefined;
  };
  /** Somebody watches the log of an attempt: its lines are sent from now on. */
  'log.watched': { readonly taskId: string; readonly attempt: number };
  /** Nobody does any more, or it has ended: how many lines were sent, and were too many to be. */
  'log.unwatched': {
    readonly taskId: string;
    readonly attempt: number;
    readonly lines: number;
    readonly dropped: number;
  };
  /** The ledger was asked what became of claims whose answer was lost: `granted` of them were. */
  'claim.recalled': { readonly runner: string; readonly asked: number; readonly granted: number };
  /** An outcome was not accepted: somebody else has the task by now. */
  'attempt.refused': { readonly taskId: string; readonly reason: string };
  /** About to be sent. */
  'progress.begun': { readonly taskId: string; readonly attempt: number; readonly checkpoint: boolean };
  /** The ledger has answered a report of progress. */
  'progress.answered': {
    readonly taskId: string;
    readonly attempt: number;
    readonly answer: 'recorded' | 'noted' | 'abort' | 'lost';
  };
  /** A verify handler is asked about a task in doubt. */
  'verify.started': { readonly taskId: string; readonly name: string; readonly attempt: number };
  /** What it said, and the state the task is in since; `refused`: somebody else ended the doubt, or asks about it by now. */
  'verify.ended': {
    readonly taskId: string;
    readonly name: string;
    readonly answer: 'completed' | 'not_executed' | 'unknown' | 'released';
    readonly state: 'completed' | 'pending' | 'failed' | 'aborted' | 'in_doubt' | 'refused';
    readonly durationMs: number;
  };
  /** About to be sent, once for each batch of a sweep. */
  'sweep.begun': { readonly maxTasks: number };
  /** What time alone made due was recorded. */
  'sweep.done': {
    readonly expired: number;
    readonly missed: number;
    readonly overdue: number;
    readonly durationMs: number;
  };
  /** This process seals the blocks of its site from now on. */
  'seal.leading': { readonly keyId: string };
  /** A tick of the sealer read the head, has leaf hashes in hand, stored their blocks, or committed. */
  'seal.step': { readonly step: 'begun' | 'fetched' | 'stored' | 'committed' };
  /** Blocks were sealed. */
  'seal.done': { readonly blocks: number; readonly events: number; readonly durationMs: number };
  /** About to be sent: the blocks from one to another are read into a slot of a projection. */
  'projection.begun': {
    readonly projection: string;
    readonly slot: string;
    readonly stream: string;
    readonly block: string;
    readonly toBlock: string;
  };
  /** Blocks up to this one are in a slot of a projection; the last was sealed that long before it was read. */
  'projection.advanced': {
    readonly projection: string;
    readonly slot: string;
    readonly stream: string;
    readonly block: string;
    readonly events: number;
    readonly lagMs: number;
  };
  /** A projection cannot read this block (with `toBlock`: one from here to there), and stands until it can. */
  'projection.failed': {
    readonly projection: string;
    readonly stream: string;
    readonly block: string;
    readonly toBlock?: string;
    readonly code: string;
    readonly reason: string;
  };
  /** A projection that was made anew is live. */
  'projection.switched': { readonly projection: string };
  /** Blocks up to this one were recomputed from what is stored here, and are those their site sealed. */
  'block.proven': { readonly stream: string; readonly block: string; readonly blocks: number };
  /** A block of a received stream is not as it was sealed: nothing reads on from there. */
  'stream.halted': { readonly stream: string; readonly block: string; readonly summary: string };
  /** It was repaired. */
  'stream.resumed': { readonly stream: string };
  /** A block that was right once is not any more. */
  'block.altered': { readonly stream: string; readonly block: string; readonly summary: string };
  /** It is right again. */
  'block.restored': { readonly stream: string; readonly block: string };
  /** A repair that was ordered was done from a peer. */
  'block.repaired': { readonly stream: string; readonly block: string; readonly from: string; readonly events: number };
  /** A peer has a block of this site's stream that this site has not sealed; it is left alone. */
  'block.disputed': { readonly peer: string; readonly block: string; readonly summary: string };
  /** A peer knows more of this site's stream than it does itself: it takes no commands until it has that back. */
  'site.recovering': { readonly from: string };
  /** It has, and goes on under another incarnation. */
  'site.recovered': { readonly incarnation: number };
  /** What was missing of a stream was fetched from a peer. */
  'stream.pulled': {
    readonly stream: string;
    readonly from: string;
    readonly blocks: number;
    readonly events: number;
    readonly durationMs: number;
  };
  /** About to be sent: what is proven of a peer's stream is looked through for requests about tasks of this site. */
  'requests.begun': { readonly stream: string };
  /** Requests another site had recorded about tasks of this one were answered. */
  'requests.answered': { readonly stream: string; readonly requests: number };
  /** What feeds this site from a peer was made anew; in which state it was found. */
  'link.subscribed': { readonly peer: string; readonly slot: string; readonly subscription: string };
  /** A service of this process failed, and is tried again. */
  'service.failed': { readonly service: string; readonly code: string; readonly retryInMs: number };
  /** It works again, after that many failures. */
  'service.recovered': { readonly service: string; readonly failures: number };
  /** The daemon of a site runs its services. */
  'daemon.started': { readonly site: string; readonly services: readonly string[] };
  /** The daemon has ended. */
  'daemon.stopped': { readonly site: string };
}

export type SignalName = keyof SignalMap;

/** What is told of a signal. `site` is where it happened; `stream`: what which site recorded. A runner with several sites tells it. */
export type SignalData<N extends SignalName> = SignalMap[N] & { readonly site?: string };

/** One signal as a subscriber sees it. */
export type Signal = { [N in SignalName]: { readonly name: N; readonly data: SignalData<N> } }[SignalName];

export type SignalSubscriber = (signal: Signal) => void;

export interface Signals {
  emit<N extends SignalName>(name: N, data: SignalData<N>): void;
  /** True if anyone listens: lets a hot path skip building what nobody reads. */
  readonly active: boolean;
  /** Calls `subscriber` for every signal until the returned function is called. A subscriber that throws is dropped. */
  subscribe(subscriber: SignalSubscriber): () => void;
  /** Resolves with the first signal of this name, from now on, that `accept` agrees to; rejects when `accept` throws. */
  next<N extends SignalName>(name: N, accept?: (data: SignalData<N>) => boolean): Promise<SignalData<N>>;
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
      new Promise((resolve, reject) => {
        const unsubscribe = subscribe((signal) => {
          if (signal.name !== name) return;
          const data = signal.data as SignalData<typeof name>;
          try {
            if (accept !== undefined && !accept(data)) return;
          } catch (error) {
            // Who waits must hear of it: dropped as a subscriber, it would wait for ever.
            unsubscribe();
            reject(error instanceof Error ? error : new Error('The accept function of next() threw', { cause: error }));
            return;
          }
          unsubscribe();
          resolve(data);
        });
      }),
  };
}
