import type { ChildLimits, LimitName } from '../../../ledger/child-limits.ts';
import { sizeText } from '../../../ledger/size.ts';
import { accountNamed } from './account.ts';
import { hierarchyWith, type Layers } from './layers.ts';
import { lookEveryMs } from './limit-watch.ts';
import { isSized } from './sized-directory.ts';

/** How one limit of a handler is held on this machine. */
export interface Hold {
  readonly name: LimitName;
  /** The limit, as a person writes it. */
  readonly value: string;
  /** By what; undefined: by nothing. */
  readonly by: string | undefined;
  /** No attempt gets beyond it, but for what is said in `by`: good enough for `required`. */
  readonly firm: boolean;
}

/** What is true of a handler's child, beside its limits. */
interface Held {
  readonly limits: ChildLimits;
  readonly layers: Layers;
  /** It runs one attempt after the other. */
  readonly warm: boolean;
}

const looking = `the runner looks every ${lookEveryMs / 1000} s`;

/** Each limit that is set, and what holds an attempt to it. */
export function holdsOf(held: Held): Hold[] {
  const { cpuMs, memoryBytes, files, processes, outputBytes, diskBytes, network, user } = held.limits;
  return [
    ...(cpuMs === undefined ? [] : [hold('cpu', `${cpuMs / 1000} s`, cpuHeld(held), true)]),
    ...(memoryBytes === undefined ? [] : [hold('memory', sizeText(memoryBytes), ...memoryHeld(held))]),
    ...(files === undefined ? [] : [hold('files', String(files), filesHeld(held), true)]),
    ...(processes === undefined ? [] : [hold('processes', String(processes), ...processesHeld(held))]),
    ...(outputBytes === undefined ? [] : [hold('output', sizeText(outputBytes), 'the runner, which reads it', true)]),
    ...(diskBytes === undefined ? [] : [hold('disk', sizeText(diskBytes), ...diskHeld(held))]),
    ...(network === undefined ? [] : [hold('network', network, networkHeld(held), true)]),
    ...(user === undefined ? [] : [hold('user', user, userHeld(held), true)]),
  ];
}

function hold(name: LimitName, value: string, by: string | undefined, firm: boolean): Hold {
  return { name, value, by, firm: by !== undefined && firm };
}

function cpuHeld({ layers, warm }: Held): string | undefined {
  const counted = hierarchyWith(layers, 'cpu') ?? (layers.proc ? '/proc' : undefined);
  if (counted === undefined) return layers.rlimits && !warm ? 'the kernel, each process by itself' : undefined;
  const each = layers.rlimits && !warm ? 'the kernel, each process by itself; ' : '';
  return `${each}all together: ${looking}`;
}

function memoryHeld({ layers }: Held): [string | undefined, boolean] {
  const group = hierarchyWith(layers, 'memory');
  if (group !== undefined)
    return [`the kernel, all processes together (control group, version ${group.version})`, true];
  if (!layers.proc) return [layers.rlimits ? 'the kernel, each process by itself and roughly' : undefined, false];
  return [`${layers.rlimits ? 'the kernel, each process by itself and roughly; ' : ''}all together: ${looking}`, false];
}

function filesHeld({ layers }: Held): string | undefined {
  return layers.rlimits ? 'the kernel, each process by itself' : undefined;
}

function processesHeld({ layers }: Held): [string | undefined, boolean] {
  const group = hierarchyWith(layers, 'pids');
  if (group !== undefined) return [`the kernel (control group, version ${group.version})`, true];
  return [layers.proc ? looking : undefined, false];
}

function diskHeld({ limits, layers, warm }: Held): [string | undefined, boolean] {
  if (!warm && isSized(limits, layers)) return ['the kernel (a directory of that size, in memory)', true];
  return [`${layers.rlimits ? 'the kernel, each file by itself; ' : ''}all together: ${looking}`, false];
}

function networkHeld({ layers }: Held): string | undefined {
  return layers.networkNamespace ? 'the kernel (a network namespace)' : undefined;
}

function userHeld({ limits, layers }: Held): string | undefined {
  return layers.setpriv && accountNamed(limits.user ?? '') !== undefined ? 'the kernel' : undefined;
}

/** The layers a child with limits is in, in a few words each; for the lease event and the log. */
export function activeLayers(layers: Layers): string[] {
  const versions = new Set(layers.hierarchies.map(({ version }) => `cgroup v${version}`));
  return [
    ...(layers.rlimits ? ['process limits'] : []),
    ...versions,
    ...(layers.namespace === undefined ? [] : [`process namespace (${layers.namespace})`]),
    ...(layers.setpriv ? ['fewer rights'] : []),
    ...(layers.tmpfs ? ['sized directory'] : []),
  ];
}
