import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ChildLimits } from '../../../ledger/child-limits.ts';
import { Cgroup, removeGroup } from './cgroup.ts';
import type { Hierarchy } from './cgroup-files.ts';

/** Where the control groups of one runner's children are: a group of its own in each hierarchy, made on first use. */
export class CgroupHome {
  readonly directories: readonly string[];
  readonly #hierarchies: readonly Hierarchy[];
  readonly #ending = new Set<Cgroup>();
  #made = 0;

  /**
   * @param name unlike that of any other runner
   * @throws whatever the kernel says
   */
  constructor(hierarchies: readonly Hierarchy[], name: string) {
    this.#hierarchies = hierarchies.map((one) => ({ ...one, directory: path.join(one.directory, name) }));
    this.directories = this.#hierarchies.map(({ directory }) => directory);
    for (const hierarchy of this.#hierarchies) {
      mkdirSync(hierarchy.directory);
      if (hierarchy.version === 2) passControllersOn(hierarchy.directory);
    }
  }

  /** @throws whatever the kernel says */
  make(limits: ChildLimits): Cgroup {
    this.#made += 1;
    return Cgroup.make(this.#hierarchies, `child-${this.#made}`, limits);
  }

  /** Nothing is to be in it any more. One that something still ends in is removed with a later one, or at the end. */
  drop(cgroup: Cgroup): void {
    this.#ending.add(cgroup);
    for (const one of this.#ending) if (one.remove()) this.#ending.delete(one);
  }

  /** What cannot be removed is left to the guard. */
  remove(): void {
    for (const directory of this.directories) removeGroup(directory);
  }
}

function passControllersOn(directory: string): void {
  const names = readFileSync(path.join(directory, 'cgroup.controllers'), 'utf8').trim().split(' ').filter(Boolean);
  const wanted = names.filter((name) => name === 'memory' || name === 'pids').map((name) => `+${name}`);
  writeFileSync(path.join(directory, 'cgroup.subtree_control'), wanted.join(' '));
}
