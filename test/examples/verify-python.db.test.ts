import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { exportTask, proveEvent } from '../../src/audit/prove.ts';
import { auditLedger, testDirectory, textOf } from '../audit/audit-ledger.ts';
import { repositoryRoot } from '../support/repository.ts';

const example = path.join(repositoryRoot, 'examples/verify-python');
const run = promisify(execFile);

/** Runs a file of the example; answers its exit status and what it said. */
async function python(file: string, ...args: string[]): Promise<{ status: number; said: string }> {
  const ran = run('python3', ['-B', path.join(example, file), ...args]);
  const { stdout } = await ran.catch((error: unknown) => ({ stdout: (error as { stderr: string }).stderr }));
  return { status: ran.child.exitCode ?? -1, said: stdout.trim() };
}

test('the verifier is at most 150 lines', () => {
  expect(readFileSync(path.join(example, 'verify.py'), 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(150);
});

test('it computes every vector as we do', async () => {
  const vectors = path.join(repositoryRoot, 'test/vectors');
  expect(await python('check_vectors.py', path.join(vectors, 'proof.json'))).toEqual({
    status: 0,
    said: 'every vector is as computed',
  });
  for (const name of ['range', 'range-withheld', 'task', 'event']) {
    expect((await python('verify.py', path.join(vectors, `${name}.ndjson`))).status, name).toBe(0);
  }
});

test('it verifies what is exported: blocks, a task, an event, with payloads and without', async () => {
  const t = await auditLedger();
  const directory = await testDirectory();
  const seq = BigInt((await t.sealed()).at(-1) ?? 0);
  const bundles = {
    range: await t.bundle(),
    withheld: await t.bundle(true),
    task: await textOf(exportTask(t.pool, t.task)),
    event: await textOf(proveEvent(t.pool, { site: 'ams', seq }, { withheld: true })),
  };
  for (const [name, bundle] of Object.entries(bundles)) {
    const { status, said } = await python('verify.py', await directory.file(name, bundle));
    expect([status, said], name).toEqual([0, expect.stringMatching(/^consistent: \d+ events, [123] blocks/)]);
  }
});

test('it names what was changed, and refuses what was cut off', async () => {
  const t = await auditLedger();
  const directory = await testDirectory();
  const bundle = await t.bundle();
  const lines = bundle.split('\n');
  const third = lines.findIndex((line) => line.startsWith('{"event"')) + 2;
  const { event } = JSON.parse(lines[third] ?? '') as { event: { id: string; data_base64: string } };
  const altered = (text: string): string => Buffer.from(text, 'base64').toString().replace('3', '4');
  const changed = {
    payload: [
      bundle.replace(event.data_base64, Buffer.from(`${altered(event.data_base64)} `).toString('base64')),
      event.id,
    ],
    actor: [
      lines.map((line, i) => (i === third ? line.replace(/"actor":"/, '"actor":"x') : line)).join('\n'),
      'block 1 of ams',
    ],
    missing: [lines.filter((_line, i) => i !== third).join('\n'), 'missing'],
    signature: [bundle.replace(/(?<="signature":")./, (digit) => (digit === '0' ? '1' : '0')), 'block 1 of ams'],
    link: [lines.filter((line) => !line.includes('"number":"2"')).join('\n'), 'NOT verified'],
    cut: [bundle.slice(0, -200), 'cut off'],
    empty: ['', 'cut off'],
  };
  for (const [name, [text = '', said]] of Object.entries(changed)) {
    const answer = await python('verify.py', await directory.file(name, text));
    expect([answer.status, answer.said], name).toEqual([1, expect.stringContaining(said ?? '')]);
  }
});
