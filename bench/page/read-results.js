// What bench/results/ holds, but for the results of quick and partial runs.
import { readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../results/', import.meta.url);

/** @returns name of the file without its ending → its results, in the order of the names */
export function readResults() {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json') && !file.endsWith('.tmp.json'));
  return Object.fromEntries(
    files.sort().map((file) => [file.replace(/\.json$/, ''), JSON.parse(readFileSync(new URL(file, folder), 'utf8'))]),
  );
}
