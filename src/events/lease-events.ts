import { z } from 'zod';

import { exits, report } from './attempt-report.ts';
import { anyJson, decision, leaseTokenSchema, momentSchema } from './envelope.ts';

/** The number of an attempt since submit or the last redrive: 1, 2, 3 … Not a fencing token. */
export const attemptSchema = z.int().min(1).describe('Which attempt, counted from 1 since submit or the last redrive.');

/** `task.leased`: a runner may run one attempt. Its fencing token is this event's own `(epoch, version)`. */
export const taskLeased = decision(
  'task.leased',
  z.looseObject({
    attempt: attemptSchema,
    runner: z.string().describe('The name of the runner.'),
    host: z.string().describe('The host it runs on.'),
    ttl_ms: z.int().min(1).describe('How long the lease lasts without a renewal.'),
    // Which leases share a secret and an end; absent in events recorded before claims were named.
    claim: z
      .string()
      .regex(/^[1-9]\d*$/)
      .optional()
      .describe('The claim it was granted by: its leases share a secret and an end. Absent in the oldest events.'),
    lease_digest: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe('SHA-256 of the secret of the claim, in hex. The secret itself is nowhere.'),
    plugin: z.string().optional().describe('Plugin and version it is run by.'),
    manifest_digest: z.string().optional().describe('Digest of the manifest of that plugin.'),
    limits: z.record(z.string(), z.unknown()).optional().describe('The limits in force for the attempt.'),
  }),
);

/** `task.progressed`: how far the attempt is, and what the next one may resume from. */
export const taskProgressed = decision(
  'task.progressed',
  z
    .looseObject({
      lease: leaseTokenSchema,
      fraction: z.number().min(0).max(1).optional().describe('How far, 0 to 1.'),
      message: z.string().optional().describe('How far, in words.'),
      checkpoint: anyJson.optional().describe('What the next attempt may resume from.'),
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
    runner: z.string().optional().describe('The runner that held it.'),
    last_heartbeat: momentSchema.describe('When it was last renewed.'),
    next: z.enum(['pending', 'failed', 'in_doubt']).describe('What became of the task.'),
    run_at: momentSchema.optional().describe('With `pending`: from when on it can be claimed.'),
  }),
);

/** `task.lease_released`: the runner gave the lease back unused (shutdown, drain); the attempt does not count. */
export const taskLeaseReleased = decision(
  'task.lease_released',
  z.looseObject({
    lease: leaseTokenSchema,
    attempt: attemptSchema,
    reason: z.string().describe('Why the runner gave it back.'),
    run_at: momentSchema.optional().describe('From when on it can be claimed.'),
    ...exits,
    ...report,
  }),
);
