import { findingFacts } from '../../audit/finding-facts.ts';
import { proveEvent } from '../../audit/prove.ts';
import { verifyBundle } from '../../audit/bundle/verify-bundle.ts';
import { verifyLog, type VerifyReport } from '../../audit/verify.ts';
import { blockOfEvent } from '../../events/blocks/stored-block.ts';
import { formatPosition, type Position } from '../../events/position.ts';
import { tellFinding } from '../audit/tell-finding.ts';
import { paidPayout } from './app-transactions.ts';
import { rewriteEvent } from './rewrite-event.ts';
import type { Chapter, Narrator } from './chapter.ts';
import type { DemoSite } from './demo-site.ts';
import { namesText } from './names-text.ts';
import { until } from './until.ts';

/**
 * One event of the payment is proven; then a superuser changes one byte of it at the first site, which is found and named,
 * while the others have it as it was; then it is put back.
 * @returns whether all of that went as it must
 */
export async function runAlteredHistory(
  [site, ...others]: readonly [DemoSite, ...DemoSite[]],
  paymentId: string,
  tell: Narrator,
): Promise<{ chapter: Chapter; verified: boolean }> {
  const before = await whenSealed(site);
  const events = before.sites.reduce((sum, sealed) => sum + sealed.events, 0);
  const blocks = before.sites.reduce((sum, sealed) => sum + sealed.blocks, 0);
  tell(`All ${events} events are sealed in ${blocks} signed blocks, and every one verifies.`);
  const event = await endOf(site, paymentId);
  const proven = await proveOne(site, event, tell);
  const { sentences, untouched } = await alterOneByte(site, others, event, tell);
  const found = sentences.length === 1 && sentences[0]?.includes(formatPosition(event)) === true;
  const after = await verifyLog(site.app);
  const restored = after.findings.length === 0;
  tell(`The byte was put back: ${restored ? 'every block verifies again' : 'SOMETHING STILL DIFFERS'}.`);
  const note = found
    ? `a superuser changed one byte of ${formatPosition(event)}; audit verify named it`
    : 'a superuser changed one byte, and it was NOT found';
  const chapter: Chapter = { what: `History of ${paidPayout}`, tasks: 0, state: 'no task', note };
  return { chapter, verified: before.findings.length === 0 && proven && found && untouched && restored };
}

/** What the blocks say once every event is in one. */
function whenSealed({ app }: DemoSite): Promise<VerifyReport> {
  return until('every event in a block', async () => {
    const report = await verifyLog(app);
    return report.sites.every(({ unsealed, head }) => unsealed === 0 && head !== undefined) ? report : undefined;
  });
}

/** The last event of the task. */
async function endOf({ ledger }: DemoSite, taskId: string): Promise<Position> {
  const { site, seq } = (await ledger.history(taskId)).at(-1) ?? { site: ledger.site, seq: 0n };
  return { site, seq };
}

async function proveOne({ app }: DemoSite, event: Position, tell: Narrator): Promise<boolean> {
  const lines: Buffer[] = [];
  for await (const line of proveEvent(app, event)) lines.push(Buffer.from(line));
  const block = await blockOfEvent(app, event.site, event.seq);
  const { findings, events } = await verifyBundle(chunksOf(lines));
  const isProven = findings.length === 0 && events === 1;
  tell(
    `Proof that ${formatPosition(event)}, the payment's end, is in block ${block?.header.number ?? '?'} (${block?.hash.slice(0, 16) ?? ''}…): ` +
      `${Buffer.concat(lines).length} bytes, checked without the database: ${isProven ? 'valid' : 'NOT VALID'}.`,
  );
  return isProven;
}

async function* chunksOf(lines: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* lines;
}

interface Found {
  /** Of the verification, while one byte is another. */
  readonly sentences: readonly string[];
  /** The other sites verify all the same. */
  readonly untouched: boolean;
}

async function alterOneByte(
  { app }: DemoSite,
  others: readonly DemoSite[],
  event: Position,
  tell: Narrator,
): Promise<Found> {
  const original = await rewriteEvent(app, event, (text) => text.replace('7F3A', '7F3B'));
  try {
    tell(`A superuser switched off the triggers and changed one byte of it: BANK-…-7F3A became BANK-…-7F3B.`);
    const { findings } = await verifyLog(app);
    const sentences = await Promise.all(
      findings.map(async (finding) => tellFinding(finding, await findingFacts(app, finding))),
    );
    for (const sentence of sentences) tell(`audit verify: ${sentence}`);
    const elsewhere = await Promise.all(others.map((other) => verifyLog(other.app)));
    const untouched = elsewhere.every((report) => report.findings.length === 0);
    if (others.length > 0) {
      const verdict = untouched ? 'Every event still verifies' : 'SOMETHING DIFFERS';
      tell(`${verdict} at ${namesText(others)}: what is shipped is what was recorded, never a change.`);
    }
    return { sentences, untouched };
  } finally {
    await rewriteEvent(app, event, () => original);
  }
}
