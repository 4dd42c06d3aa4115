// A user's project in a directory of its own, with taskledger among its packages: what child processes load is loaded as users
// load theirs.
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { temporaryDirectory } from './undo.js';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** One without handlers yet. @returns its `directory`, and `remove()` */
export function emptyProject(name) {
  const { directory, remove } = temporaryDirectory(name);
  writeFileSync(path.join(directory, 'package.json'), '{ "type": "module" }');
  mkdirSync(path.join(directory, 'node_modules'));
  symlinkSync(here('..'), path.join(directory, 'node_modules', 'taskledger'), 'junction');
  return { directory, remove };
}

/**
 * @param files of this folder, copied there; the first one exports the handlers
 * @returns its `directory`, its `handlers`, and `remove()`
 */
export async function makeProject(name, files) {
  const { directory, remove } = emptyProject(name);
  for (const file of files) copyFileSync(here(file), path.join(directory, file));
  const handlers = await import(pathToFileURL(path.join(directory, files[0])).href);
  return { directory, handlers, remove };
}
