import { z } from 'zod';
import { MAX_PAYLOAD_BYTES } from '../../events/limits.ts';
import type { StopReason } from './execution.ts';

/*
 * What a runner and a child process say to each other: one JSON object a line, on descriptor 3 of the child, in both
 * directions. The child proves with the nonce of the attempt, which it is told there and nowhere else, that a message
 * comes from who was given the attempt: what prints to a descriptor it happened to find does not know it.
 *
 * A child for one attempt hears `start`, says how it went, and ends. A warm child hears `prepare` first and says `ready`
 * when it has loaded the module; then, for each attempt, it hears `start`, says `began`, how it went, and `idle`, until it
 * hears `leave`.
 */

/** Longest message of a child: a payload of the largest size and what is around it. */
export const MAX_MESSAGE_BYTES = MAX_PAYLOAD_BYTES + 65_536;

/** The descriptor both sides speak on; stdout stays free for the handler. */
export const protocolDescriptor = 3;

/** What a child is to run. */
export type ChildEntry = ModuleEntry | PythonEntry;

/** For the child program of Node. */
export interface ModuleEntry {
  /** URL or absolute path of the module that exports the handler. */
  readonly module: string;
  /** The module would not find a package taskledger: it is to get the runner's. */
  readonly offer: boolean;
  /** Under which name it exports the handler, or a plain function; left out, the task's name is looked for. */
  readonly export?: string;
}

/** For the child program of Python. */
export interface PythonEntry {
  /** `package.module:function` */
  readonly function: string;
  /** Directories that go before all others. */
  readonly path: readonly string[];
}

/** What only a warm child has to be told of an attempt: one for a single attempt was started with all of it. */
export interface WarmStart {
  /** Its working directory and TMPDIR during the attempt. */
  readonly directory: string;
  /** Carried by what the attempt starts. */
  readonly mark: string;
  /** A line it prints on stdout and on stderr when the attempt has ended. */
  readonly endOfOutput: string;
}

/** Everything a child needs for an attempt. The secret of the lease is not in it. */
export type StartMessage<Entry extends ChildEntry = ChildEntry> = Entry & AttemptStart;

interface AttemptStart {
  readonly kind: 'start';
  readonly nonce: string;
  readonly warm?: WarmStart;
  readonly attempt: {
    readonly taskId: string;
    readonly name: string;
    readonly input: unknown;
    readonly attempt: number;
    readonly lease: { readonly epoch: number; readonly version: number; readonly site: string };
    readonly runAt: string;
    readonly checkpoint?: unknown;
  };
}

/** The first message to a child that is to stay: it loads the module and says `ready` with this nonce. */
type PrepareMessage<Entry extends ChildEntry> = Entry & { readonly kind: 'prepare'; readonly nonce: string };

export type RunnerMessage<Entry extends ChildEntry = ChildEntry> =
  | StartMessage<Entry>
  | PrepareMessage<Entry>
  | { readonly kind: 'stop'; readonly reason: StopReason }
  /** Answers a progress with a checkpoint. */
  | { readonly kind: 'recorded'; readonly id: number }
  /** To a warm child: it is not needed any more, and ends. */
  | { readonly kind: 'leave' };

const usage = z.object({ cpu_ms: z.int().min(0), max_rss_bytes: z.int().min(0) });
const nonce = z.string();

const advice = z.discriminatedUnion('retry', [
  z.object({ retry: z.enum(['by policy', 'never']) }),
  z.object({ retry: z.literal('after'), ms: z.number() }),
  z.object({ retry: z.literal('at'), ms: z.number() }),
]);

/** What a child may say. A result is said once; after it nothing is, but `idle` by a warm child. */
export const childMessageSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready'), nonce }),
  /** A warm child is about to call the handler. */
  z.object({ kind: z.literal('began'), nonce }),
  /** A warm child has done with the attempt, and holds so much memory. */
  z.object({ kind: z.literal('idle'), nonce, rss_bytes: z.int().min(0) }),
  z.object({
    kind: z.literal('progress'),
    nonce,
    /** Of a checkpoint, which is answered. */
    id: z.int().optional(),
    fraction: z.number().optional(),
    message: z.string().optional(),
    checkpoint: z.unknown().optional(),
  }),
  /**
   * A line the handler logged (`log.warn(message, fields)`): cut to 1000 bytes before it is sent, the fields a JSON object of
   * as many or left out. `skipped` says how many lines before it were not sent, for there were too many at once; a child
   * that never skips leaves it out. Not answered. What is printed to stdout or stderr is no message.
   */
  z.object({
    kind: z.literal('log'),
    nonce,
    level: z.enum(['debug', 'info', 'warn', 'error']),
    message: z.string(),
    fields: z.record(z.string(), z.unknown()).optional(),
    skipped: z.int().min(0).optional(),
  }),
  z.object({ kind: z.literal('completed'), nonce, output: z.unknown().optional(), usage }),
  z.object({
    kind: z.literal('failed'),
    nonce,
    failure: z.object({
      code: z.enum(['HANDLER_ERROR', 'INVALID_INPUT', 'INVALID_OUTPUT', 'MODULE_FAILED', 'CHILD_OUT_OF_MEMORY']),
      error: z.record(z.string(), z.unknown()),
      advice,
    }),
    usage,
  }),
]);

export type ChildMessage = z.infer<typeof childMessageSchema>;
type WithoutNonce<Message> = Message extends unknown ? Omit<Message, 'nonce'> : never;
/** A message before it is sent. */
export type ChildSays = WithoutNonce<ChildMessage>;
