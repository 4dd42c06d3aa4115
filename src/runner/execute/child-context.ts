import { encodePayload } from '../../events/payload.ts';
import type { AttemptLog } from '../../ledger/attempt-log.ts';
import type { Progress } from '../../ledger/progress.ts';
import { ChildLog } from './child-log.ts';
import type { RunningAttempt, StopReason } from './execution.ts';
import type { ChildSays, StartMessage } from './messages.ts';

/** Between two reports; the runner throttles again, but should not have to read a million of them. */
const progressEveryMs = 100;

/** In the child: what the handler is given, as the runner told it. */
export class ChildContext implements Omit<RunningAttempt, 'tail'> {
  readonly taskId: string;
  readonly name: string;
  input: unknown;
  readonly attempt: number;
  readonly lease: { readonly epoch: number; readonly version: number; readonly site: string };
  readonly runAt: Date;
  readonly checkpoint: unknown;
  readonly log: AttemptLog;
  readonly #say: (message: ChildSays) => void;
  readonly #log: ChildLog;
  readonly #stop = new AbortController();
  readonly #recording = new Map<number, () => void>();
  #stoppedFor: StopReason | undefined;
  #latest: Progress | undefined;
  #waiting: NodeJS.Timeout | undefined;
  #checkpoints = 0;
  #isClosed = false;

  constructor({ attempt }: StartMessage, say: (message: ChildSays) => void) {
    this.#say = say;
    this.#log = new ChildLog(say);
    this.log = this.#log.log;
    this.taskId = attempt.taskId;
    this.name = attempt.name;
    this.input = attempt.input;
    this.attempt = attempt.attempt;
    this.lease = attempt.lease;
    this.runAt = new Date(attempt.runAt);
    this.checkpoint = attempt.checkpoint;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get stoppedFor(): StopReason | undefined {
    return this.#stoppedFor;
  }

  /** Bound, since handlers take it out of their context. */
  readonly progress = (progress: Progress): Promise<void> => {
    if (this.#isClosed) return Promise.resolve();
    if (progress.checkpoint !== undefined) return this.#save(progress);
    const isFirst = this.#waiting === undefined;
    this.#latest = progress;
    if (isFirst) this.#tellLatest();
    return Promise.resolve();
  };

  /** The handler has ended: what it left running in this process reports nothing any more, and waits for no record. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#waiting);
    this.#log.close();
    for (const resolve of this.#recording.values()) resolve();
    this.#recording.clear();
  }

  stop(reason: StopReason): void {
    if (this.#stoppedFor !== undefined || this.#isClosed) return;
    this.#stoppedFor = reason;
    this.#stop.abort(new Error(reason));
  }

  /** The runner has recorded a checkpoint, or could not. */
  recorded(id: number): void {
    this.#recording.get(id)?.();
    this.#recording.delete(id);
  }

  #tellLatest(): void {
    const latest = this.#latest;
    this.#latest = undefined;
    this.#waiting = undefined;
    if (latest === undefined) return;
    this.#say({ kind: 'progress', ...latest });
    this.#waiting = setTimeout(() => this.#tellLatest(), progressEveryMs).unref();
  }

  #save(progress: Progress): Promise<void> {
    try {
      encodePayload(progress.checkpoint, 'the checkpoint');
    } catch (error) {
      // As inline: a checkpoint that cannot be stored is lost, and no failure of the attempt.
      process.stderr.write(`${String(error)}\n`);
      return Promise.resolve();
    }
    this.#latest = undefined;
    this.#checkpoints += 1;
    const id = this.#checkpoints;
    const recorded = new Promise<void>((resolve) => this.#recording.set(id, resolve));
    this.#say({ kind: 'progress', id, ...progress });
    return recorded;
  }
}
