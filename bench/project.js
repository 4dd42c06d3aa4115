// A user's project in a directory of its own, with taskledger among its packages: what child processes load is loaded as users
// load theirs.
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { temporaryDirectory } from './undo.js';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * @param files of this folder, copied there; the first one exports the handlers
 * @returns its `directory`, its `handlers`, and `remove()`
 */
export async function makeProject(name, files) {
  const { directory, remove } = temporaryDirectory(name);
  for (const file of files) copyFileSync(here(file), path.join(directory, file));
  writeFileSync(path.join(directory, 'package.json'), '{ "type": "module" }');
  mkdirSync(path.join(directory, 'node_modules'));
  symlinkSync(here('..'), path.join(directory, 'node_modules', 'taskledger'), 'junction');
  const handlers = await import(pathToFileURL(path.join(directory, files[0])).href);
  return { directory, handlers, remove };
}
