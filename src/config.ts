import { z } from 'zod';
import { LedgerError } from './errors.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/**
 * Everything the environment configures, and all of it that is read: nobody else reads `process.env` (lint). The
 * descriptions are those of docs/reference/config.md. A variable that is set to nothing counts as not set.
 */
export const configSchema = z.object({
  TASKLEDGER_DATABASE_URL: z
    .string()
    .optional()
    .describe(
      'Connection string of the database, `postgres://user@host:5432/database`. The command line prefers `--url`, `openLedger` its `connectionString`. Without either, the command line looks for what `taskledger dev` runs in the present directory.',
    ),
  TASKLEDGER_SITE_KEY_FILE: z
    .string()
    .optional()
    .describe(
      "File of the site's private key (PEM, readable by its owner alone), with which `serve` signs blocks. `serve` prefers `--key`. `taskledger site init` makes one.",
    ),
  TASKLEDGER_SITE_KEY: z
    .string()
    .optional()
    .describe(
      'The private key itself (PEM), where secrets come in the environment. Goes before the file. No child process inherits it.',
    ),
  LOG_LEVEL: z
    .preprocess((level) => (typeof level === 'string' ? level.toLowerCase() : level), z.enum(logLevels).default('info'))
    .describe('The least serious log lines that `run`, `serve` and `dev` write to stderr.'),
  NO_COLOR: z.string().optional().describe('Set to anything: no colours, tables or progress bars on a terminal.'),
  TERM: z.string().optional().describe('The terminal. With `dumb`, as with `NO_COLOR`.'),
  PATH: z
    .string()
    .default('/usr/bin:/bin')
    .describe(
      'Where the programs that taskledger starts itself find theirs: the embedded PostgreSQL, child processes.',
    ),
  npm_command: z
    .string()
    .optional()
    .describe('Set by npm and npx. A command they started then also ends when they are gone.'),
});

export type Config = z.infer<typeof configSchema>;

/** What a process was started with. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The value of one setting, or its default. Only the one that is asked for is judged: who never writes a log need not
 * care what LOG_LEVEL says.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION naming the variable; a value may be a secret and is not shown
 */
export function readConfig<Name extends keyof Config>(name: Name, env: Environment = process.env): Config[Name] {
  const schema: z.ZodType = configSchema.shape[name];
  const value = env[name] === '' ? undefined : env[name];
  const read = schema.safeParse(value);
  if (read.success) return read.data as Config[Name];
  throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `the environment variable ${name} to be set to what it takes`,
    found: read.error.issues.map(({ message }) => message).join('; '),
    remedy: `Correct or unset ${name}`,
  });
}

/** Set by a runner for a program of an `exec` task; nothing of ours reads them. */
const attemptVariables = [
  'TASKLEDGER_INPUT_FILE',
  'TASKLEDGER_OUTPUT_FILE',
  'TASKLEDGER_CHECKPOINT_FILE',
  'TASKLEDGER_TASK_ID',
  'TASKLEDGER_TASK_NAME',
  'TASKLEDGER_ATTEMPT',
  'TASKLEDGER_LEASE',
  'TASKLEDGER_RUN_AT',
] as const;

export type AttemptVariable = (typeof attemptVariables)[number];

/** Variables that look like ours and are none: a misspelt setting would otherwise be silently without effect. */
export function unknownVariables(env: Environment = process.env): string[] {
  const known: readonly string[] = [...Object.keys(configSchema.shape), ...attemptVariables];
  return Object.keys(env).filter((name) => name.startsWith('TASKLEDGER_') && !known.includes(name));
}

/** Whoever can read it seals blocks in the site's name: it goes to the process it was given to, and to none below it. */
const neverInherited: ReadonlySet<string> = new Set<keyof Config>(['TASKLEDGER_SITE_KEY']);

/** What a child process is to inherit: these variables, or all of them. */
export function inheritedEnvironment(
  names?: readonly string[],
  env: Environment = process.env,
): Record<string, string> {
  const passed = (names ?? Object.keys(env))
    .filter((name) => !neverInherited.has(name))
    .map((name) => [name, env[name]] as const);
  return Object.fromEntries(passed.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}
