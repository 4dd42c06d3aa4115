import { z } from 'zod';

import { anyJson, decision, leaseTokenSchema, momentSchema } from './envelope.ts';

/** The number of an attempt since submit or the last redrive: 1, 2, 3 … Not a fencing token. */
export const attemptSchema = z.int().min(1);

/** `task.leased`: a runner may run one attempt. Its fencing token is this event's own `(epoch, version)`. */
export const taskLeased = decision(
  'task.leased',
  z.looseObject({
    attempt: attemptSchema,
    runner: z.string(),
    host: z.string(),
    ttl_ms: z.int().min(1),
    lease_digest: z.string().regex(/^[0-9a-f]{64}$/),
    plugin: z.string().optional(),
    manifest_digest: z.string().optional(),
    limits: z.record(z.string(), z.unknown()).optional(),
  }),
);

/** `task.progressed`: how far the attempt is, and what the next one may resume from. */
export const taskProgressed = decision(
  'task.progressed',
  z
    .looseObject({
      lease: leaseTokenSchema,
      fraction: z.number().min(0).max(1).optional(),
      message: z.string().optional(),
      checkpoint: anyJson.optional(),
    })
    .refine((data) => data.fraction !== undefined || data.message !== undefined || data.checkpoint !== undefined, {
      message: 'Expected a fraction, a message or a checkpoint',
    }),
);

/** `task.lease_expired`: nobody renewed the lease in time; the attempt counts. `next` says what became of the task. */
export const taskLeaseExpired = decision(
  'task.lease_expired',
  z.looseObject({
    lease: leaseTokenSchema,
    attempt: attemptSchema,
    runner: z.string().optional(),
    last_heartbeat: momentSchema,
    next: z.enum(['pending', 'failed', 'in_doubt']),
    run_at: momentSchema.optional(),
  }),
);

/** `task.lease_released`: the runner gave the lease back unused (shutdown, drain); the attempt does not count. */
export const taskLeaseReleased = decision(
  'task.lease_released',
  z.looseObject({
    lease: leaseTokenSchema,
    attempt: attemptSchema,
    reason: z.string(),
    run_at: momentSchema.optional(),
  }),
);
