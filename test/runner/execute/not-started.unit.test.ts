import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { ChildPlace } from '../../../src/runner/execute/child-place.ts';
import { notSpawned } from '../../../src/runner/execute/not-started.ts';

const refused = (code: string): Error => Object.assign(new Error(`spawn ${process.execPath} ${code}`), { code });

test.each([
  ['EAGAIN', 'MACHINE_FULL'],
  ['EMFILE', 'MACHINE_FULL'],
  ['ENFILE', 'MACHINE_FULL'],
  ['ENOMEM', 'MACHINE_FULL'],
  ['EACCES', 'PROGRAM_NOT_EXECUTABLE'],
  ['ENOEXEC', 'PROGRAM_NOT_EXECUTABLE'],
  ['EINVAL', 'CHILD_SPAWN_FAILED'],
])('a start refused with %s is %s', (word, code) => {
  const cause = refused(word);
  expect(notSpawned(cause, process.execPath, tmpdir())).toMatchObject({ code, reason: { cause } });
});

test('a working directory that is gone is not taken for a program that is', async () => {
  const place = new ChildPlace(systemClock);
  const program = { file: process.execPath, args: ['--version'], env: {}, graceMs: 0 };
  const gone = path.join(place.makeDirectory(), 'gone');
  await expect(place.start(program, gone)).rejects.toMatchObject({ code: 'CHILD_DIRECTORY_FAILED' });
  await place.stop();
});
