import { z } from 'zod';
import { MAX_ATTEMPTS, MAX_NAME_LENGTH, MAX_PRIORITY, MAX_QUEUE_LENGTH, MIN_PRIORITY } from '../../events/limits.ts';
import { taskNamePattern } from '../../events/names.ts';
import { limitsSchema } from '../../ledger/child-limits.ts';
import { durationMs } from '../../ledger/duration.ts';
import { neverPassed, poolRanges, MAX_GRACE_MS } from '../../ledger/isolation.ts';
import { isVersion } from '../../ledger/plugin-range.ts';

// Every `error` says what would have been right, as a noun phrase; every description is a cell of docs/reference/manifest.md.

/** Longest value of one environment variable, in characters; also of a secret file. */
export const MAX_VALUE_LENGTH = 65_536;
const MAX_LIST_LENGTH = 100;
const MAX_TASKS = 1000;

const text = (error: string, max = 1000): z.ZodString =>
  z
    .string({ error })
    .min(1, { error })
    .max(max, { error: `${error}, at most ${max} characters` })
    // eslint-disable-next-line no-control-regex -- these are what is refused: a NUL ends a C string, others forge terminal lines
    .regex(/^[^\u0000-\u001f\u007f]*$/, { error: `${error} without control characters` });
const integer = (min: number, max: number): z.ZodInt => {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};
const duration = (error = 'a duration such as "30s", "10m" or "2h", or milliseconds') =>
  z.union([z.int().min(0), z.string().regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/)], { error });
const trueOrFalse = z.boolean({ error: 'true or false' });

const variable = text('the name of an environment variable', 200).regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
  error: 'the name of an environment variable: letters, digits and _',
});
const values = 'text, {"fromEnv": NAME} or {"fromFile": PATH}';
const value = z.union(
  [
    z.string().max(MAX_VALUE_LENGTH),
    z.strictObject({ fromEnv: variable }),
    z.strictObject({ fromFile: text('the path of a file') }),
  ],
  { error: values },
);

const passed = variable.refine((name) => !neverPassed.includes(name), {
  error: `the name of a variable a plugin may have, none of ${neverPassed.join(', ')}`,
});

const command = z
  .array(text('a program and its arguments, each as text'), { error: 'a list of a program and its arguments' })
  .min(1, { error: 'a list of a program and its arguments' })
  .max(MAX_LIST_LENGTH, { error: `at most ${MAX_LIST_LENGTH} arguments` });

const backoff = z.strictObject(
  {
    kind: z.enum(['fixed', 'exponential'], { error: '"fixed" or "exponential"' }),
    delay: duration(),
    cap: duration().optional(),
  },
  { error: 'an object with kind and delay' },
);

const retry = z.strictObject(
  {
    attempts: integer(1, MAX_ATTEMPTS).describe('All attempts, the first included.').optional(),
    backoff: backoff.describe('What lies between: `kind`, `delay`, `cap`.').optional(),
  },
  { error: 'an object with attempts and backoff' },
);

const limit = (name: keyof typeof poolRanges, meaning: string) =>
  integer(poolRanges[name][0], poolRanges[name][1]).describe(`With \`"pool"\`: ${meaning}`).optional();

const poolLimits = {
  warm: limit('warm', 'processes that are started with the runner, and kept. Default 1.'),
  maxTasks: limit('maxTasks', 'attempts one process runs. Default 1000.'),
  maxAgeMs: limit('maxAgeMs', 'how long one process lives, milliseconds. Default an hour.'),
  maxRssMb: limit('maxRssMb', 'the memory with which a process is given another attempt, megabytes. Default 512.'),
  idleMs: limit('idleMs', 'how long a process beyond `warm` is kept without anything to do. Default a minute.'),
};

export const taskSchema = z.strictObject(
  {
    function: text('the function to call', 500)
      .describe(
        'What is called: `package.module:function` for Python, `module.mjs#export` for Node, relative to the manifest. Not with `exec`.',
      )
      .optional(),
    command: command
      .describe('With `exec`: what is run for this task, instead of the command of the plugin.')
      .optional(),
    queue: text('a queue name', MAX_QUEUE_LENGTH)
      .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, { error: 'a queue name of letters, digits, _, . and -' })
      .describe('Recorded with tasks that are submitted by the definition in this manifest (`submit --plugins`).')
      .optional(),
    priority: integer(MIN_PRIORITY, MAX_PRIORITY).describe('As `queue`.').optional(),
    retry: retry.describe('As `queue`: `attempts` and `backoff`.').optional(),
    protected: trueOrFalse.describe('As `queue`: it never starts a second time on its own.').optional(),
    timeout: duration()
      .refine((time) => durationMs(time, 'timeout') >= 1, { error: 'a time longer than none' })
      .describe('Wall time of one attempt; of this and what the task itself says the shorter one counts.')
      .optional(),
    limits: limitsSchema
      .describe('What one attempt may use: `cpu`, `memory`, `files` and so on, as the guide to isolation lists them.')
      .optional(),
    isolation: z
      .enum(['process', 'pool'], { error: '"process" or "pool"' })
      .describe('A fresh process for each attempt, or warm ones that run one after the other. Default `"process"`.')
      .optional(),
    graceMs: integer(0, MAX_GRACE_MS)
      .describe('How long an attempt may take to end once it was told to stop, milliseconds. Default 5000.')
      .optional(),
    ...poolLimits,
  },
  { error: 'an object that describes the task' },
);

/** What `taskledger.plugin.json` may say. Unknown keys are refused. */
export const manifestSchema = z.strictObject(
  {
    $schema: z.string({ error: 'text' }).describe('For editors; not read.').optional(),
    plugin: text('a name for the plugin', 100)
      .regex(/^[a-z0-9]+([._-][a-z0-9]+)*$/, {
        error: 'a name for the plugin: small letters and digits, with - . _ between them',
      })
      .describe('Its name.'),
    version: text('a semantic version', 100)
      .refine(isVersion, { error: 'a semantic version such as 2.3.0 or 3.0.0-rc.1' })
      .describe('Its version, as semver.org has it. What pins choose among.'),
    runtime: z
      .enum(['node', 'python', 'exec'], { error: '"node", "python" or "exec"' })
      .describe('What runs its functions.'),
    command: command
      .describe(
        'The program and its first arguments, no shell. Default: this Node, or `python3`; `exec` needs one here or in each task. With a `/` in it the program is a file, relative to the manifest; else it is looked for in PATH.',
      )
      .optional(),
    path: z
      .array(text('a directory'), { error: 'a list of directories' })
      .min(1, { error: 'a list of directories' })
      .max(MAX_LIST_LENGTH, { error: `at most ${MAX_LIST_LENGTH} directories` })
      .describe('With Python: where modules are looked for, relative to the manifest. Default: its own directory.')
      .optional(),
    env: z
      .record(passed, value, { error: 'an object of environment variables' })
      .describe(`What its processes see of the environment besides PATH, HOME, TZ, LANG and NODE_ENV: ${values}.`)
      .optional(),
    tasks: z
      .record(
        z
          .string()
          .max(MAX_NAME_LENGTH)
          .regex(taskNamePattern, { error: `a task name of dotted words such as payouts.settle` }),
        taskSchema,
        { error: 'an object of tasks by name' },
      )
      .refine((tasks) => Object.keys(tasks).length > 0, { error: 'at least one task' })
      .refine((tasks) => Object.keys(tasks).length <= MAX_TASKS, { error: `at most ${MAX_TASKS} tasks` })
      .describe('What it offers: tasks by name.'),
  },
  { error: 'an object: the manifest' },
);

export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestTask = z.infer<typeof taskSchema>;
export type EnvironmentValue = z.infer<typeof value>;
