import { open, readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import type { VerifiedUpTo } from '../../audit/verify.ts';
import type { Clock } from '../../clock.ts';
import { LedgerError } from '../../errors.ts';

const stateSchema = z.record(
  z.string(),
  z.strictObject({ number: z.string().regex(/^[1-9]\d{0,18}$/), hash: z.string().regex(/^[0-9a-f]{64}$/) }),
);

/** How often the state is written. What was verified since is verified again. */
const everyMs = 2000;

/**
 * How far a verification has come, in a file, so that the next one goes on there. Written beside it and renamed: after a
 * crash the file holds an earlier state or this one, never half of one.
 */
export class ResumeFile {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #state: Record<string, VerifiedUpTo>;
  #writtenAt: number;
  #writing: Promise<void> = Promise.resolve();
  #failed: unknown;

  private constructor(file: string, clock: Clock, state: Record<string, VerifiedUpTo>) {
    this.#file = file;
    this.#clock = clock;
    this.#state = state;
    this.#writtenAt = clock.monotonic();
  }

  /** Reads the file; one that is not there yet is a beginning. @throws LedgerError TASKLEDGER_INVALID_INPUT */
  static async open(file: string, clock: Clock): Promise<ResumeFile> {
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if ((error as { code?: string }).code === 'ENOENT') return '{}';
      throw invalid(file, (error as { code?: string }).code ?? 'an error', error);
    });
    const parsed = stateSchema.safeParse(jsonOf(text));
    if (!parsed.success) throw invalid(file, 'something else');
    return new ResumeFile(file, clock, { ...parsed.data });
  }

  /** By site, as it was when the file was opened. */
  get state(): Readonly<Record<string, VerifiedUpTo>> {
    return { ...this.#state };
  }

  /** Blocks up to this one are right. */
  progress(site: string, upTo: VerifiedUpTo): void {
    if (upTo.hash === '') return;
    this.#state[site] = upTo;
    if (this.#clock.monotonic() - this.#writtenAt < everyMs) return;
    this.#writtenAt = this.#clock.monotonic();
    this.#writing = this.#writing.then(() => this.#write()).catch(this.#noteFailure);
  }

  /** Writes the last state. @throws LedgerError TASKLEDGER_OUTPUT_NOT_WRITTEN */
  async close(): Promise<void> {
    await this.#writing;
    await this.#write().catch(this.#noteFailure);
    if (this.#failed === undefined) return;
    throw new LedgerError('TASKLEDGER_OUTPUT_NOT_WRITTEN', {
      expected: `to write how far the verification came to ${JSON.stringify(this.#file)}`,
      found: (this.#failed as { code?: string }).code ?? 'an error',
      remedy: 'Name a file this user can write with --resume',
      cause: this.#failed,
    });
  }

  readonly #noteFailure = (error: unknown): void => {
    this.#failed ??= error;
  };

  async #write(): Promise<void> {
    const beside = `${this.#file}.${process.pid}`;
    const handle = await open(beside, 'w');
    try {
      await handle.writeFile(`${JSON.stringify(this.#state)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, this.#file);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invalid(file: string, found: string, cause?: unknown): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_INPUT', {
    expected: `the state of an earlier verification in ${JSON.stringify(file)}`,
    found,
    remedy: 'Remove the file to begin again, or name another',
    cause,
  });
}
