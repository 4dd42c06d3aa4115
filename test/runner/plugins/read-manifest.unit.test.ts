import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { problemText } from '../../../src/runner/plugins/manifest-problem.ts';
import { readManifest } from '../../../src/runner/plugins/read-manifest.ts';
import { manifest, pluginsDirectory, putManifest } from './plugin-files.ts';

async function read(text: Readonly<Record<string, unknown>> | string) {
  const directory = await pluginsDirectory();
  const file = await putManifest(directory, 'one', text);
  const found = await readManifest(file);
  return 'plugin' in found ? { plugin: found.plugin, problems: [] } : { plugin: undefined, problems: found.problems };
}

/** What is wrong with it, each as `path: expected; found; remedy`. */
async function problems(text: Readonly<Record<string, unknown>> | string): Promise<string[]> {
  const { problems: found } = await read(text);
  return found.map((problem) => problemText(problem).slice(`${problem.file}: `.length));
}

test('a manifest says its plugin, and the digest is that of its text', async () => {
  const text = JSON.stringify(manifest());
  const { plugin } = await read(text);
  const digest = createHash('sha256').update(text).digest('hex');
  expect(plugin).toMatchObject({ name: 'payouts', version: '2.3.0', digest });
});

test('everything that is wrong is told at once, with its place and what to do', async () => {
  const told = await problems({
    plugin: 'Payouts!',
    version: '2.3',
    runtime: 'ruby',
    comand: ['x'],
    env: { TMPDIR: 'x', PASSWORD: 1, TOKEN: { fromEnv: 'A B' } },
    tasks: {
      'payouts.settle': { timeot: '2h', retry: { attempts: 0, backof: {} }, limits: { memory: '5 apples', cpus: 1 } },
      '.x': {},
    },
  });
  const expected = [
    /^plugin: expected a name for the plugin.*found "Payouts!"/,
    /^version: expected a semantic version such as 2\.3\.0.*found "2\.3"/,
    /^runtime: expected "node", "python" or "exec"; found "ruby"/,
    /^comand: expected only keys that are known here: .*; found "comand"\. Did you mean command\.$/,
    /^env\.TMPDIR: expected the name of a variable a plugin may have/,
    /^env\.PASSWORD: expected text, \{"fromEnv": NAME\} or \{"fromFile": PATH\}; found a number/,
    /^env\.TOKEN\.fromEnv: expected the name of an environment variable/,
    /^tasks\["payouts\.settle"\]\.timeot: .*Did you mean timeout\.$/,
    /^tasks\["payouts\.settle"\]\.retry\.attempts: expected a whole number from 1 to 1000; found 0/,
    /^tasks\["payouts\.settle"\]\.retry\.backof: .*Did you mean backoff\.$/,
    /^tasks\["payouts\.settle"\]\.limits\.memory: expected 1MB or more, such as 512MB; found "5 apples"/,
    /^tasks\["payouts\.settle"\]\.limits\.cpus: .*Did you mean cpu\.$/,
    /^tasks\["\.x"\]: expected a task name of dotted words/,
  ];
  for (const one of expected) expect(told).toContainEqual(expect.stringMatching(one));
  expect(told).toHaveLength(expected.length);
});

test.each([
  [
    'a task without its function',
    manifest({ tasks: { a: {} } }),
    /^tasks\.a\.function: .*"dist\/tasks\.mjs#settle"; found nothing/,
  ],
  [
    'a function of the other form',
    manifest({ runtime: 'python', tasks: { a: { function: 'tasks.mjs#settle' } } }),
    /^tasks\.a\.function: .*"payouts\.tasks:settle"; found "tasks\.mjs#settle"/,
  ],
  [
    'a program nobody names',
    manifest({ runtime: 'exec', tasks: { a: {} } }),
    /^command: expected a command here or in each task/,
  ],
  [
    'warm programs that speak no protocol',
    manifest({ runtime: 'exec', command: ['tar'], tasks: { a: { isolation: 'pool' } } }),
    /^tasks\.a\.isolation: expected "process"/,
  ],
  [
    'limits of a pool without one',
    manifest({ tasks: { a: { function: 'a.mjs#a', warm: 2 } } }),
    /^tasks\.a\.warm: expected "isolation": "pool" beside it/,
  ],
  [
    'no time at all',
    manifest({ tasks: { a: { function: 'a.mjs#a', timeout: '0s' } } }),
    /^tasks\.a\.timeout: expected a time longer than none; found "0s"/,
  ],
  ['no task', manifest({ tasks: {} }), /^tasks: expected at least one task; found an empty object/],
  ['build metadata, which no range can choose by', manifest({ version: '1.0.0+5' }), /^version: /],
  ['a list', '[]', /^expected an object: the manifest; found an empty list/],
  ['text that is cut off', '{"plugin": "payouts",\n  "version": ', /^expected JSON; found text that is not JSON/],
  ['a key twice', '{"plugin": "a", "plugin": "b"}', /^expected each key once; found \$\.plugin more than once/],
] as const)('%s is refused', async (_name, text, told) => {
  expect(await problems(text)).toContainEqual(expect.stringMatching(told));
});

test('what is said of the environment never quotes a value: it may be a secret', async () => {
  const secret = 'correct-horse-battery';
  const wrong = [
    manifest({ env: { TOKEN: [secret] } }),
    manifest({ env: { TOKEN: { fromFil: secret } } }),
    manifest({ env: { TMPDIR: secret } }),
    `{"env": {"TOKEN": "${secret}" "x"}}`,
    `{"env": {"TOKEN": "${secret}`,
    `{"env": {"TOKEN": ${secret}}}`,
  ];
  for (const text of wrong) {
    const told = await problems(text);
    expect(told.length).toBeGreaterThan(0);
    expect(told.join('\n')).not.toContain(secret);
  }
});
