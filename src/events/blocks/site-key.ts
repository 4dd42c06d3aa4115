import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { LedgerError } from '../../errors.ts';
import type { BlockHeader } from '../block-header.ts';
import { keyIdOf, rawPublicKey, signHeader } from '../signature.ts';

/** The private key a site signs its blocks with. It never enters the database, a log or an event. */
export interface SiteKey {
  readonly keyId: string;
  /** Raw, 32 bytes. */
  readonly publicKey: Buffer;
  sign(header: BlockHeader): Buffer;
}

/** Where a site's private key is kept: PEM (PKCS #8) itself, or a file of it. */
export interface SiteKeyPlace {
  readonly pem?: string | undefined;
  readonly file?: string | undefined;
}

/**
 * Reads a site's private key.
 * @throws LedgerError TASKLEDGER_SITE_KEY_INVALID when there is none, it is not Ed25519, or others can read its file
 */
export async function loadSiteKey({ pem, file }: SiteKeyPlace): Promise<SiteKey> {
  if (pem !== undefined && pem !== '') return keyFrom(pem, 'TASKLEDGER_SITE_KEY');
  if (file === undefined) throw invalid('a private key to seal blocks with', 'none');
  const { mode } = await stat(file).catch((cause: unknown) => {
    throw invalid(`a private key in ${file}`, 'no such file that this user can read', cause);
  });
  if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
    throw invalid(
      `${file} to be readable by its owner alone`,
      `mode ${(mode & 0o777).toString(8)}`,
      undefined,
      `Run: chmod 600 ${file}`,
    );
  }
  return keyFrom(await readFile(file, 'utf8'), file);
}

/** Makes a new private key in `file` (mode 600), which must not be there yet. @throws LedgerError TASKLEDGER_SITE_KEY_INVALID */
export async function createSiteKey(file: string): Promise<SiteKey> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(file, pem, { mode: 0o600, flag: 'wx' }).catch((cause: unknown) => {
    const found =
      (cause as { code?: string }).code === 'EEXIST' ? 'one that is there already' : 'that it cannot be written';
    throw invalid(`a new file ${file}`, found, cause, 'Name another file; a key is never overwritten');
  });
  await chmod(file, 0o600);
  return siteKey(privateKey);
}

/** A key that is not kept anywhere, for tests. */
export function temporarySiteKey(): SiteKey {
  return siteKey(generateKeyPairSync('ed25519').privateKey);
}

function keyFrom(pem: string, where: string): SiteKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The cause may quote the key.
    throw invalid(`an Ed25519 private key in PEM in ${where}`, 'something else');
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw invalid(`an Ed25519 private key in ${where}`, `one of type ${key.asymmetricKeyType ?? 'unknown'}`);
  }
  return siteKey(key);
}

function siteKey(key: KeyObject): SiteKey {
  const publicKey = rawPublicKey(key);
  return { keyId: keyIdOf(publicKey), publicKey, sign: (header) => signHeader(header, key) };
}

function invalid(expected: string, found: string, cause?: unknown, remedy?: string): LedgerError {
  return new LedgerError('TASKLEDGER_SITE_KEY_INVALID', {
    expected,
    found,
    remedy: remedy ?? 'Make one with: taskledger site init, or name it with TASKLEDGER_SITE_KEY_FILE',
    cause,
  });
}
