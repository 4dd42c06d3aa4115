import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { MANIFEST_NAME } from '../../../src/runner/plugins/find-manifests.ts';

type Json = Readonly<Record<string, unknown>>;

/** A manifest that is right. */
export function manifest(more: Json = {}): Json {
  return {
    plugin: 'payouts',
    version: '2.3.0',
    runtime: 'node',
    tasks: { 'payouts.settle': { function: 'tasks.mjs#settle' } },
    ...more,
  };
}

/** A directory for plugins, gone at the end of the test. */
export async function pluginsDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'taskledger-plugins-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Puts a manifest there as a deployment should, in one step. @returns its file */
export async function putManifest(directory: string, name: string, text: Json | string): Promise<string> {
  const place = path.join(directory, name);
  await mkdir(place, { recursive: true });
  const file = path.join(place, MANIFEST_NAME);
  await writeFile(`${file}.new`, typeof text === 'string' ? text : JSON.stringify(text));
  await rename(`${file}.new`, file);
  return file;
}

/**
 * Installs a version of a Node plugin. Its task `payouts.settle` answers the version; with the input `wait` it waits for a file
 * named `go` beside the plugins.
 */
export async function putVersion(directory: string, version: string, task: Json = {}): Promise<string> {
  const place = path.join(directory, `payouts-${version}`);
  await mkdir(place, { recursive: true });
  await writeFile(
    path.join(place, 'tasks.mjs'),
    `import { existsSync } from 'node:fs';
     import { setTimeout as sleep } from 'node:timers/promises';
     export const settle = async ({ input, signal }) => {
       while (input === 'wait' && !existsSync(${JSON.stringify(path.join(directory, 'go'))})) await sleep(20, null, { signal });
       return { version: '${version}', pid: process.pid };
     };`,
  );
  const tasks = { 'payouts.settle': { function: 'tasks.mjs#settle', ...task } };
  return await putManifest(directory, `payouts-${version}`, manifest({ version, tasks }));
}
