import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../clock.ts';
import { inheritedEnvironment } from '../../config.ts';
import { durationText } from '../duration-text.ts';
import { paidPayout } from './app-transactions.ts';
import { askBank } from './bank.ts';
import type { Chapter, Narrator } from './chapter.ts';
import type { DemoSite } from './demo-site.ts';
import { until } from './until.ts';

/** A real runner process is killed in the middle of a payment; nobody pays twice, and a person says what happened. */
export async function runKilledPayment(site: DemoSite, paymentId: string, tell: Narrator): Promise<Chapter> {
  const runner = startRunner(site);
  const [reference = ''] = await until('the bank being asked', async () => {
    const transfers = await askBank(site, paidPayout);
    return transfers.length > 0 ? transfers : undefined;
  });
  runner.kill('SIGKILL');
  await ended(runner);
  const killedAtMs = systemClock.monotonic();
  tell(
    `The runner that settled ${paidPayout} was killed (kill -9, process ${runner.pid ?? 0}) while the bank was paying.`,
  );

  const replacement = startRunner(site);
  await until('the payment in doubt', async () =>
    (await site.ledger.get(paymentId)).state === 'in_doubt' ? true : undefined,
  );
  tell(
    `${durationText(systemClock.monotonic() - killedAtMs)} later the payment was in doubt. Another runner is there, and does not start it again.`,
  );
  await site.ledger.resolve(paymentId, {
    outcome: 'completed',
    output: { reference },
    reason: `the bank shows one transfer, ${reference}`,
  });
  const { state } = await site.ledger.get(paymentId);
  const paid = (await askBank(site, paidPayout)).length;
  tell(`An operator asked the bank and resolved it. Paid ${paid === 1 ? 'once' : `${paid} times`}.`);
  replacement.kill('SIGTERM');
  await ended(replacement);
  const note = `runner killed while paying; in doubt; resolved by a person; paid ${paid === 1 ? 'once' : `${paid} times`}`;
  return { what: `Payout ${paidPayout}`, tasks: 1, state, note, taskId: paymentId };
}

/** `taskledger run`, as anybody would start it. Leases of 2 s, so that the demo need not wait for the usual 15. */
function startRunner({ server, atClose }: DemoSite): ChildProcess {
  const main = fileURLToPath(new URL('../main.js', import.meta.url));
  const handlers = fileURLToPath(new URL('./payment-handlers.js', import.meta.url));
  const runner = spawn(process.execPath, [main, 'run', '--handlers', handlers, '--ttl', '2s'], {
    env: { ...inheritedEnvironment(), TASKLEDGER_DATABASE_URL: server.url },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  atClose.push(async () => {
    runner.kill('SIGKILL');
    await ended(runner);
  });
  return runner;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
