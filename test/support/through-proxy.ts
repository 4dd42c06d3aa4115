import { onTestFinished } from 'vitest';
import type { Handler } from '../../src/ledger/define-task.ts';
import { openLedger, type Ledger } from '../../src/open-ledger.ts';
import type { RunnerOptions } from '../../src/runner/runner.ts';
import { testLedger, type TestLedger } from './ledger.ts';
import { proxyTo, type TcpProxy } from './tcp-proxy.ts';

export interface ProxiedLedger {
  /** The direct way, which the faults do not touch. */
  readonly direct: TestLedger;
  readonly proxy: TcpProxy;
  /** The same ledger, through the proxy. */
  readonly through: Ledger;
  /** Starts a runner that reaches the ledger through the proxy; it is stopped when the test ends. */
  readonly runThrough: (handlers: readonly Handler[], options?: Partial<RunnerOptions>) => Promise<void>;
}

/** A ledger with a second way to it that fails on command. */
export async function proxiedLedger(): Promise<ProxiedLedger> {
  const direct = await testLedger();
  const proxy = await proxyTo(direct.url);
  const through = await openLedger({ connectionString: proxy.url(direct.url), maxConnections: 2 });
  onTestFinished(async () => {
    proxy.mend();
    await through.close();
  });
  return {
    direct,
    proxy,
    through,
    async runThrough(handlers, options = {}) {
      const runner = through.runner({ handlers, name: 'through', pollMs: 50, concurrency: 2, ...options });
      onTestFinished(async () => {
        proxy.mend();
        await runner.stop(0);
      });
      await runner.start();
    },
  };
}
