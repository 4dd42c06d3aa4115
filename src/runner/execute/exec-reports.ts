import { z } from 'zod';
import { durationMs } from '../../ledger/duration.ts';
import type { Progress } from '../../ledger/progress.ts';
import type { Breach } from './conversation.ts';
import type { RetryAdvice } from './failure.ts';
import type { RunnerMessage } from './messages.ts';

/** What a program may report on the protocol descriptor, a line each: how far it is, and what shall follow if it fails. */
const reportSchema = z.strictObject({
  fraction: z.number().optional(),
  message: z.string().optional(),
  checkpoint: z.unknown().optional(),
  /** `never`, or after how long. */
  retry: z
    .string()
    .transform((text): RetryAdvice =>
      text === 'never' ? { retry: text } : { retry: 'after', ms: durationMs(text, 'retry') },
    )
    .optional(),
});

interface ExecReportsOptions {
  readonly send: (message: RunnerMessage) => void;
  readonly progress: (progress: Progress) => Promise<void>;
  /** It said something else: nothing it said is believed. */
  readonly onBreach: () => void;
}

/** The reports of one program. There is no nonce: a program is told nothing, has one attempt, and reports no result here. */
export class ExecReports {
  readonly #options: ExecReportsOptions;
  #advice: RetryAdvice = { retry: 'by policy' };
  #breach: Breach | undefined;
  #checkpoints = 0;
  #deaf = false;

  constructor(options: ExecReportsOptions) {
    this.#options = options;
  }

  get breach(): Breach | undefined {
    return this.#breach;
  }

  /** What it last said about another attempt. */
  get advice(): RetryAdvice {
    return this.#advice;
  }

  /** From now on nothing is taken any more, nor answered. */
  ignore(): void {
    this.#deaf = true;
  }

  hear(line: string): void {
    if (this.#deaf || this.#breach !== undefined) return;
    const report = parsedReport(line);
    if (report === undefined) {
      this.#break('PROTOCOL_BROKEN');
      return;
    }
    const { retry, ...progress } = report;
    if (retry !== undefined) this.#advice = retry;
    if (Object.keys(progress).length > 0) this.#report(progress);
  }

  tooLong(): void {
    this.#break('PROTOCOL_TOO_LONG');
  }

  #report(progress: Progress): void {
    if (progress.checkpoint !== undefined) this.#checkpoints += 1;
    const id = this.#checkpoints;
    void this.#options.progress(progress).then(() => {
      if (progress.checkpoint !== undefined && !this.#deaf) this.#options.send({ kind: 'recorded', id });
    });
  }

  #break(breach: Breach): void {
    if (this.#deaf || this.#breach !== undefined) return;
    this.#breach = breach;
    this.#options.onBreach();
  }
}

function parsedReport(line: string): z.infer<typeof reportSchema> | undefined {
  try {
    return reportSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
