import { readdirSync } from 'node:fs';
import { expect } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import type { Handler } from '../../../src/ledger/define-task.ts';
import type { LimitOptions } from '../../../src/ledger/child-limits.ts';
import type { Executions } from '../../../src/runner/execute/executions.ts';
import { machineLayers, type Layers } from '../../../src/runner/execute/limits/layers.ts';
import { leavesNothing } from './leaves-nothing.ts';
import { runHandler, testExecutions, type Ran } from './run-attempt.ts';

const hostileUrl = new URL('./hostile.mjs', import.meta.url).href;
const { hostile } = (await import(/* @vite-ignore */ hostileUrl)) as { hostile: Handler[] };

/** What this machine offers. */
export const found = await machineLayers();
/** A machine that offers nothing but to look. */
const bare: Partial<Layers> = {
  hierarchies: [],
  namespace: undefined,
  networkNamespace: false,
  setpriv: false,
  tmpfs: false,
};

/** By all this machine offers, and by what is left where there are neither control groups nor namespaces. */
export const machines = [
  ['by all layers of this machine', {}],
  ['by process limits and looking alone', bare],
] as const satisfies readonly (readonly [string, Partial<Layers>])[];

/** Says loudly that a layer is missing, so that nobody takes what is asserted for all there is. */
export function missing(what: string, isThere: boolean): boolean {
  if (!isThere) console.warn(`THIS MACHINE HAS NO ${what.toUpperCase()}: only what holds without it is asserted.`);
  return !isThere;
}

interface HostileOptions {
  readonly level?: 'process' | 'pool';
  readonly limits?: LimitOptions;
  readonly input?: unknown;
  readonly machine?: Partial<Layers>;
  readonly submitted?: { readonly timeout_ms?: number; readonly protected?: true };
  /** As in `leavesNothing`. */
  readonly whenEnded?: (ran: Ran) => void;
}

/** The handler of `hostile.NAME`. */
export function hostileHandler(name: string, level: 'process' | 'pool', limits?: LimitOptions): Handler {
  const handler = hostile.find(({ definition }) => definition.name === `hostile.${name}`)!;
  const isolation = { ...handler.isolation!, isolation: level, ...(limits === undefined ? {} : { limits }) };
  return { ...handler, isolation } as Handler;
}

function hostileExecutions(machine: Partial<Layers> = {}): Executions {
  const layers = { ...found, ...machine };
  return testExecutions(systemClock, { layers: () => Promise.resolve(layers) });
}

/** Runs one attempt of `hostile.NAME` outside any ledger, of which nothing may be left. */
export async function runHostile(name: string, options: HostileOptions = {}): Promise<Ran> {
  const { level = 'process', limits, input = {}, machine, submitted = {}, whenEnded } = options;
  const harmful = hostileHandler(name, level, limits);
  const ran = await leavesNothing({
    executions: () => hostileExecutions(machine),
    harmless: hostileHandler('prints.bytes', level, limits),
    run: (executions) => runHandler(harmful, { input, submitted, executions }),
    whenEnded,
  });
  expect(groupsOf(process.pid)).toEqual([]);
  return ran;
}

/** Control groups that a runner in this process has made and not removed. */
export function groupsOf(pid: number): string[] {
  return found.hierarchies.flatMap(({ directory }) =>
    readdirSync(directory).filter((name) => name.startsWith(`taskledger-${pid}-`)),
  );
}
