import type { LedgerEvent } from './event.ts';
import { encodePayload } from './payload.ts';

/** Which payload it is, and what is known of it at this place. */
export interface PayloadAbout {
  readonly what: 'input' | 'output' | 'checkpoint' | 'error';
  /** Of the task. Not known where single events are followed. */
  readonly name?: string | undefined;
  /** Not known while its task is being submitted. */
  readonly taskId?: string | undefined;
  /** The idempotency key, while a task with one is being submitted. */
  readonly key?: string | undefined;
  /** When something of an attempt is encoded: the task's input, decoded. */
  readonly input?: unknown;
}

/**
 * Encodes payloads before they reach the log, and decodes them for whoever may read them: encryption, so that destroying a
 * key forgets the data while every proof still holds. Either may be asynchronous, and must be quick.
 *
 * What is compared for an idempotency key is the encoded input: with a key, the same value must be encoded to the same JSON
 * again. Derive the IV from the value by a keyed hash instead of drawing it.
 */
export interface Codec {
  /** JSON in, JSON out. Throws when it cannot: a submit then fails, an attempt fails and may be tried again. */
  encode(value: unknown, about: PayloadAbout): unknown;
  /** Given everything that is stored, also what was never encoded: hands back unchanged what is not its own. */
  decode(stored: unknown, about: PayloadAbout): unknown;
}

/** The JSON text to store. @throws LedgerError as `encodePayload`, and whatever the codec throws */
export async function encodeJson(json: string, codec: Codec | undefined, about: PayloadAbout): Promise<string> {
  if (codec === undefined) return json;
  return encodePayload(await codec.encode(JSON.parse(json), about), `the encoded ${about.what}`);
}

/**
 * An error with its texts encoded: `code` and `name` stay, for whoever searches; the rest becomes `details`.
 * @throws whatever the codec throws
 */
export async function encodeError(
  { name, ...told }: Readonly<Record<string, unknown>>,
  codec: Codec,
  about: PayloadAbout,
): Promise<Readonly<Record<string, unknown>>> {
  return {
    ...(name === undefined ? {} : { name }),
    encoded: true,
    details: await codec.encode(JSON.parse(JSON.stringify(told)), about),
  };
}

/** An event with its payloads decoded. @throws whatever the codec throws */
export async function decodeEvent<E extends LedgerEvent>(event: E, codec: Codec, name?: string): Promise<E> {
  const data = { ...(event.data as Record<string, unknown>) };
  const taskId = event.task_id ?? undefined;
  const ownName = typeof data['name'] === 'string' && event.type === 'task.submitted' ? data['name'] : name;
  for (const what of ['input', 'output', 'checkpoint'] as const) {
    if (what in data) data[what] = await codec.decode(data[what], { what, name: ownName, taskId });
  }
  if (isEncodedError(data['error'])) {
    const { encoded: _encoded, details, ...plain } = data['error'];
    const told = await codec.decode(details, { what: 'error', name: ownName, taskId });
    // What cannot be decoded any more is whatever the codec says instead.
    data['error'] = { ...plain, ...(isTold(told) ? told : { message: 'erased', details: told }) };
  }
  return { ...event, data };
}

function isEncodedError(error: unknown): error is Readonly<Record<string, unknown>> {
  return typeof error === 'object' && error !== null && 'encoded' in error && error.encoded === true;
}

/** Looks like what `encodeError` was given: events must keep their shape, whatever a codec answers. */
function isTold(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string';
}
