import { readFile, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';

const linkList = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * The binary packages can't contain symbolic links; a postinstall script makes them, which `npm ci --ignore-scripts`
 * and newer npm versions skip. Makes those that are missing; several processes may do so at once.
 * @param packageDir the directory that holds `native/`.
 * @returns false if one is missing and this process may not write there.
 */
export async function makeLibraryLinks(packageDir: string): Promise<boolean> {
  const list = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of linkList.parse(JSON.parse(list))) {
    const link = join(packageDir, target);
    if (await exists(link)) continue;
    const pointsTo = join(relative(dirname(target), dirname(source)), basename(source));
    try {
      await symlink(pointsTo, link);
    } catch {
      // Whatever went wrong, what counts is whether the library can be found by that name now.
      if (!(await exists(link))) return false;
    }
  }
  return true;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
