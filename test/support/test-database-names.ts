import { randomBytes } from 'node:crypto';

const leftoverMs = 2 * 3_600_000;
const pattern = /^taskledger_(?:template|test)_([0-9a-z]+)_[0-9a-f]+$/;

/** A unique database name that tells when it was made, for whoever has to clear up after a killed run. */
export function testDatabaseName(purpose: 'template' | 'test', now: number): string {
  return `taskledger_${purpose}_${now.toString(36)}_${randomBytes(6).toString('hex')}`;
}

/** Whether this is a database of ours, of a run that must have ended long ago. */
export function isLeftoverDatabase(name: string, now: number): boolean {
  const made = pattern.exec(name)?.[1];
  return made !== undefined && now - Number.parseInt(made, 36) > leftoverMs;
}
