import { z } from 'zod';

import { siteNameSchema } from './names.ts';

const MAX_SEQ = (1n << 63n) - 1n;

/** A place in a site's stream, as it stands inside JSON: `[site, seq as decimal digits]`. */
export const positionRefSchema = z.tuple([siteNameSchema, z.string().regex(/^[1-9]\d{0,18}$/)]);

/** A fencing token: `[epoch, version]` of the lease event. */
export const leaseTokenSchema = z
  .tuple([z.int().min(1), z.int().min(1)])
  .describe('The fencing token of the lease it was made under: epoch and version of the `task.leased` event.');

/** A moment inside `data`: ISO 8601 with a time zone, any precision (`to_json` of a timestamp drops trailing zeros). */
export const momentSchema = z.iso.datetime({ offset: true });

/** Any JSON value, `null` included; the key has to be there unless made optional. */
export const anyJson = z.unknown();

/** Why a decision was made and by whose wish; `answers` names the requests it answers. */
const contextSchema = z.looseObject({
  on_behalf_of: z.string().optional().describe('For whom the actor did it.'),
  traceparent: z.string().optional().describe('W3C trace context of the caller.'),
  correlation: z.string().optional().describe('What the caller ties together with it.'),
  answers: z.array(positionRefSchema).optional().describe('The requests this decision answers, each `[site, seq]`.'),
});

const taskId = z.guid();
const versionOfDecision = z.int().min(1);

/** What every event carries. Columns beyond these (block number, xid …) are left out by the schemas. */
const envelope = {
  site: siteNameSchema.describe('The site that recorded it.'),
  seq: z.bigint().min(1n).max(MAX_SEQ).describe('Its place in the stream of the site. With the site: its identity.'),
  realm: siteNameSchema.describe('The realm the task belongs to.'),
  epoch: z.int().min(1).describe('Under which ownership of the realm.'),
  occurred_at: z.iso
    .datetime({ precision: 3 })
    .describe('By the clock of the database of the site: UTC, milliseconds.'),
  actor: z.string().describe('The database user who called.'),
  context: contextSchema
    .nullable()
    .describe('What the caller said of where it came from, and which requests it answers.'),
};

/** A decision about a task: only the owner of the realm makes it, and it is the next version of the task. */
export function decision<T extends string, D extends z.ZodType>(type: T, data: D) {
  return z.object({ ...envelope, type: z.literal(type), task_id: taskId, version: versionOfDecision, data });
}

/** Something any site may record about a task (a request, a refused result): it is no version of the task. */
export function remark<T extends string, D extends z.ZodType>(type: T, data: D) {
  return z.object({ ...envelope, type: z.literal(type), task_id: taskId, version: z.null(), data });
}

/** An event about sites, realms or incidents: no task, no version. */
export function notice<T extends string, D extends z.ZodType>(type: T, data: D) {
  return z.object({ ...envelope, type: z.literal(type), task_id: z.null(), version: z.null(), data });
}
