import type { FollowedEvent } from '../events/blocks/follow.ts';
import { decodeEvent, type Codec } from '../events/codec.ts';
import type { TaskEvent } from '../events/event.ts';
import type { TaskState } from '../events/task-state.ts';
import type { Resolution } from './resolve.ts';

/** A task's history with its payloads decoded. @throws whatever the codec throws */
export async function decodedHistory(events: readonly TaskEvent[], codec: Codec): Promise<TaskEvent[]> {
  const submitted = events.find((event) => event.type === 'task.submitted');
  const decoded: TaskEvent[] = [];
  for (const event of events) decoded.push(await decodeEvent(event, codec, submitted?.data.name));
  return decoded;
}

/** Followed events with their payloads decoded. */
export async function* decodedEach(
  followed: AsyncIterable<FollowedEvent>,
  codec: Codec | undefined,
): AsyncGenerator<FollowedEvent> {
  for await (const each of followed) {
    yield codec === undefined ? each : { ...each, event: await decodeEvent(each.event, codec) };
  }
}

/** A person's resolution with its output encoded. @throws whatever the codec throws */
export async function encodedResolution(
  { id, name, input }: TaskState,
  resolution: Resolution,
  codec: Codec,
): Promise<Resolution> {
  if (resolution.output === undefined) return resolution;
  const output = await codec.encode(resolution.output, { what: 'output', name, taskId: id, input });
  return { ...resolution, output };
}
