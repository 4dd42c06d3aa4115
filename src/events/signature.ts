import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { headerBytes, type BlockHeader } from './block-header.ts';

/** DER of an Ed25519 public key up to its 32 bytes (RFC 8410). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** The fingerprint of a raw Ed25519 public key: the first 32 hex digits of its SHA-256. */
export function keyIdOf(publicKey: Buffer): string {
  return createHash('sha256').update(publicKey).digest('hex').slice(0, 32);
}

/** The raw 32 bytes of the public half. */
export function rawPublicKey(key: KeyObject): Buffer {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return spki.subarray(spkiPrefix.length);
}

/** Ed25519 over the header's bytes: 64 bytes. */
export function signHeader(header: BlockHeader, privateKey: KeyObject): Buffer {
  return sign(null, headerBytes(header), privateKey);
}

/** True when the signature is that of the key's owner for exactly this header. */
export function verifyHeader(header: BlockHeader, signature: Buffer, publicKey: Buffer): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), format: 'der', type: 'spki' });
  return verify(null, headerBytes(header), key, signature);
}
