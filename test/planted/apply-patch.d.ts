/** One hunk: the lines as they stand in the file, and as they are without the guard. */
export interface Change {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

export interface Patch {
  /** The guard, in words. */
  readonly removes: string;
  /** The test file, and the name of the test in it that must fail. */
  readonly test: string;
  readonly fails: string;
  readonly changes: readonly Change[];
}

/** @throws Error when it is no unified diff below the three lines `Removes:`, `Test:` and `Fails:` */
export function readPatch(text: string): Patch;

/** The file without the guard. @throws Error when the lines of the patch do not stand in it exactly once */
export function applyChange(content: string, change: Change): string;
