import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { verifyBundle, type BundleReport } from '../../src/audit/bundle/verify-bundle.ts';
import { chosenBlocks, exportBlocks } from '../../src/audit/export.ts';
import type { Head } from '../../src/audit/heads.ts';
import { claimSome, outcomeOf, settleThese } from '../support/leases.ts';
import { sealingTest, type SealingTest } from '../events/blocks/sealing.ts';

export interface AuditLedger extends SealingTest {
  /** A completed task with a Unicode payload, its events in two blocks. */
  readonly task: string;
  /** Every block, as a bundle. */
  bundle(withheld?: boolean): Promise<string>;
}

const payload = '{"to":"Zoë 🦊", "amount": 1.0}';

/** Three blocks: a few tasks, then one that runs, then a few more. */
export async function auditLedger(): Promise<AuditLedger> {
  const t = await sealingTest();
  const sealer = t.sealer();
  const { rows } = await t.pool.query<{ id: string }>(`select id from taskledger.submit('some.task', $1::json)`, [
    payload,
  ]);
  await sealer.runOnce();
  const claim = await claimSome(t.pool, 1);
  await settleThese(
    t.pool,
    [claim],
    claim.leases.map((lease) => outcomeOf(lease, 'completed')),
  );
  await t.submit(3);
  await sealer.runOnce();
  await t.submit(4);
  await sealer.runOnce();
  await sealer.stop();
  return {
    ...t,
    task: rows[0]?.id ?? '',
    bundle: async (withheld = false) => textOf(exportBlocks(t.pool, await chosenBlocks(t.pool, {}), { withheld })),
  };
}

export async function textOf(lines: AsyncIterable<string>): Promise<string> {
  let text = '';
  for await (const line of lines) text += line;
  return text;
}

/** Checks a bundle that is in memory; chunks end in the middle of lines and characters. */
export function checkBundle(
  bundle: string | Buffer,
  against?: readonly Head[],
  chunkBytes = 1009,
): Promise<BundleReport> {
  const bytes = Buffer.from(bundle as string);

  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  return verifyBundle(chunks(), { against });
}

/** A directory for files of this test. */
export async function testDirectory(): Promise<{
  readonly file: (name: string, text?: string | Buffer) => Promise<string>;
  read: (name: string) => Promise<string>;
}> {
  const directory = await mkdtemp(path.join(tmpdir(), 'taskledger-audit-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return {
    file: async (name, text) => {
      const file = path.join(directory, name);
      if (text !== undefined) await writeFile(file, text);
      return file;
    },
    read: (name) => readFile(path.join(directory, name), 'utf8'),
  };
}
