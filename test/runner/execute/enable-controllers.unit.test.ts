import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { enableControllers } from '../../../src/runner/execute/limits/enable-controllers.ts';
import { findHierarchies } from '../../../src/runner/execute/limits/find-hierarchies.ts';

/** No process has that number: Linux gives none above 4194304. */
const gone = 4_194_305;

/** A group as Linux 6.1 shows it, with these processes. What is written is answered by `answers`, file by file. */
function group(pids: readonly number[], answers: { readonly enable: string[]; readonly move?: string[] }) {
  const directory = mkdtempSync(path.join(tmpdir(), 'taskledger-group-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(path.join(directory, 'cgroup.controllers'), 'cpuset cpu io memory hugetlb pids rdma misc\n');
  writeFileSync(path.join(directory, 'cgroup.procs'), pids.map((pid) => `${pid}\n`).join(''));
  const written: string[] = [];
  const left = { enable: [...answers.enable], move: [...(answers.move ?? [])] };
  const write = (file: string, text: string): void => {
    const name = path.relative(directory, file);
    written.push(`${name}: ${text}`);
    const code = name === 'cgroup.subtree_control' ? left.enable.shift() : left.move.shift();
    if (code !== undefined) throw Object.assign(new Error(`${code}: write`), { code });
  };
  return { directory, written, enable: () => enableControllers(directory, write) };
}

const enabled = 'cgroup.subtree_control: +memory +pids';
const moved = (pid: number): string => `runner/cgroup.procs: ${pid}`;

test('a group that nobody is in passes its controllers on, and nobody is moved', () => {
  const { directory, written, enable } = group([], { enable: [] });
  enable();
  expect(written).toEqual([enabled]);
  expect(existsSync(path.join(directory, 'runner'))).toBe(false);
});

test('a runner that is in the way goes into a group of its own', () => {
  const { written, enable } = group([process.pid], { enable: ['EBUSY'] });
  enable();
  expect(written).toEqual([enabled, moved(process.pid), enabled]);
});

test('what ends while it is moved, or starts meanwhile, does not cost the control groups', () => {
  const { written, enable } = group([process.pid], { enable: ['EBUSY', 'EBUSY'], move: ['ESRCH'] });
  enable();
  expect(written).toEqual([enabled, moved(process.pid), enabled, moved(process.pid), enabled]);
});

test('others are never moved', () => {
  const { written, enable } = group([process.pid, gone], { enable: ['EBUSY'] });
  expect(enable).toThrow('other processes than the runner are in this group');
  expect(written).toEqual([enabled]);
});

test.each(['EACCES', 'EROFS'])('that a group may not be changed (%s) is told as it is, whoever is in it', (code) => {
  const { written, enable } = group([process.pid, gone], { enable: [code] });
  expect(enable).toThrow(code);
  expect(written).toEqual([enabled]);
});

test('a machine that has mounted no control groups says so', async () => {
  expect(await findHierarchies('taskledger-check-none', [])).toEqual({ found: [], problems: ['none are mounted'] });
});

test('a group that stays in the way is told in the end', () => {
  const { enable } = group([process.pid], { enable: Array.from({ length: 9 }, () => 'EBUSY') });
  expect(enable).toThrow('EBUSY');
});
