// What must be undone however a run ends: servers, processes, directories. Each part registers what it starts; run.js undoes
// what is left after a part, after an error, and on a signal.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const steps = new Set();

/**
 * Registers how to undo something.
 * @returns the same, to be called where all goes well: it is then done once, and no more registered.
 */
export function undoable(undo) {
  let undone;
  const once = () => {
    steps.delete(once);
    undone ??= Promise.resolve().then(undo);
    return undone;
  };
  steps.add(once);
  return once;
}

/** Undoes all that is registered, the latest first; what fails does not keep the others from it. */
export async function undoAll() {
  for (const undo of [...steps].reverse()) await undo().catch(() => undefined);
}

/** A directory of its own, removed at the end. */
export function temporaryDirectory(name) {
  const directory = mkdtempSync(path.join(tmpdir(), `taskledger-${name}-`));
  const remove = undoable(() => rmSync(directory, { recursive: true, force: true }));
  return { directory, remove };
}
