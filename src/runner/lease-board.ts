import type { HeldClaim } from '../ledger/settle.ts';

/*
 * A row is one claim, in words of 32 bits: its state, then `claimId secret` in ASCII, filled up with spaces. The state
 * counts the changes: odd is held, even is free. One thread writes, the other reads, and every access is one of `Atomics`,
 * which both see in the same order (ECMAScript's memory model promises that for nothing else). So a state that is the same
 * before and after the text was read means that the text is whole.
 */
const wordsPerRow = 16;
const bytesPerRow = 4 * wordsPerRow;
/** A bigint and a UUID are 56 characters. */
const fitsRow = /^[!-~]{1,19} [!-~]{1,40}$/;
/** 64 MiB of addresses. Of memory, a board takes what the most claims it ever held need. */
const mostRows = 2 ** 20;

/**
 * The claims a runner holds, in memory that another thread reads when it wants to know them: to send it a message for each
 * costs more than all the rest of the lease keeping.
 */
export class LeaseBoard {
  /** For `claimsOn` in the other thread. */
  readonly memory = new SharedArrayBuffer(0, { maxByteLength: mostRows * bytesPerRow });
  readonly #words = new Int32Array(this.memory);
  /** Where the row of each claim begins, in words. */
  readonly #rows = new Map<string, number>();
  readonly #free: number[] = [];
  /** The text on its way into a row. */
  readonly #textWords = new Int32Array(wordsPerRow - 1);
  readonly #text = Buffer.from(this.#textWords.buffer);

  /** @throws RangeError for an id or a secret that does not fit a row, and when a million claims are held */
  hold({ claimId, secret }: HeldClaim): void {
    const text = `${claimId} ${secret}`;
    if (!fitsRow.test(text)) {
      throw new RangeError('Expected a claim id of 1 to 19 and a secret of 1 to 40 characters, ASCII without spaces.');
    }
    this.drop(claimId);
    const row = this.#free.pop() ?? this.#append();
    this.#rows.set(claimId, row);
    this.#text.fill(' ').write(text, 'latin1');
    this.#textWords.forEach((word, i) => Atomics.store(this.#words, row + 1 + i, word));
    Atomics.add(this.#words, row, 1);
  }

  drop(claimId: string): void {
    const row = this.#rows.get(claimId);
    if (row === undefined) return;
    this.#rows.delete(claimId);
    Atomics.add(this.#words, row, 1);
    this.#free.push(row);
  }

  #append(): number {
    const row = this.#words.length;
    this.memory.grow(this.memory.byteLength + bytesPerRow);
    return row;
  }
}

/**
 * The claims on the board that has this memory. One that is held or dropped at this very moment may be missing; one that is
 * held all the while is there.
 */
export function claimsOn(memory: SharedArrayBuffer): HeldClaim[] {
  const words = new Int32Array(memory);
  const text = new Int32Array(wordsPerRow - 1);
  const claims: HeldClaim[] = [];
  for (let row = 0; row < words.length; row += wordsPerRow) {
    const state = Atomics.load(words, row);
    if (state % 2 === 0) continue;
    for (let i = 0; i < text.length; i += 1) text[i] = Atomics.load(words, row + 1 + i);
    if (Atomics.load(words, row) !== state) continue;
    const [claimId = '', secret = ''] = Buffer.from(text.buffer).toString('latin1').split(' ');
    claims.push({ claimId, secret });
  }
  return claims;
}
