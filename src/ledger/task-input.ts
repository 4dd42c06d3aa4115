import { encodeJson, type Codec } from '../events/codec.ts';
import { requireTaskName } from '../events/names.ts';
import { encodePayload } from '../events/payload.ts';
import type { TaskDefinition } from './define-task.ts';
import { checkedBySchema } from './standard-schema.ts';

/** A task to submit: its definition, or just its name. */
export type TaskRef<Input> = TaskDefinition<Input> | string;

/** JavaScript callers pass whatever they have: what is no definition has no name either. */
export function requireTask(task: unknown): void {
  const isDefinition = typeof task === 'object' && task !== null && 'name' in task;
  requireTaskName((isDefinition ? task.name : task) as string);
}

/**
 * The JSON text of an input as it is stored: checked by the schema of the definition, then encoded.
 * @throws LedgerError as `encodePayload`, and whatever the codec throws
 */
export async function inputJson<Input>(
  task: TaskRef<Input>,
  input: Input,
  codec?: Codec,
  key?: string,
): Promise<string> {
  const name = typeof task === 'string' ? task : task.name;
  const what = `the input of ${name}`;
  const schema = typeof task === 'string' ? undefined : task.input;
  const json = encodePayload(schema === undefined ? input : await checkedBySchema(schema, input, what), what);
  return await encodeJson(json, codec, { what: 'input', name, key });
}
