import { z } from 'zod';

import { anyJson, decision, leaseTokenSchema, momentSchema, remark } from './envelope.ts';
import { attemptSchema } from './lease-events.ts';

/** Why an attempt did not succeed. `details` may be encoded by the codec; `code` never carries personal data. */
export const attemptErrorSchema = z.looseObject({
  code: z.string(),
  name: z.string().optional(),
  message: z.string().optional(),
  stack: z.string().optional(),
  cause: anyJson.optional(),
  details: anyJson.optional(),
});

export type AttemptError = z.infer<typeof attemptErrorSchema>;

const report = {
  usage: z
    .looseObject({ cpu_ms: z.number().min(0).optional(), max_rss_bytes: z.number().min(0).optional() })
    .optional(),
  log_tail: z.array(z.string()).optional(),
};

const failure = {
  error: attemptErrorSchema,
  exit_code: z.int().optional(),
  exit_signal: z.string().optional(),
  ...report,
};

/** `task.completed`: the attempt succeeded. */
export const taskCompleted = decision(
  'task.completed',
  z.looseObject({
    lease: leaseTokenSchema,
    attempt: attemptSchema,
    output: anyJson.optional(),
    started_at: momentSchema,
    finished_at: momentSchema,
    last_heartbeat: momentSchema.optional(),
    ...report,
  }),
);

/** `task.attempt_failed`: the attempt failed, and another one is due at `retry_at`. */
export const taskAttemptFailed = decision(
  'task.attempt_failed',
  z.looseObject({
    lease: leaseTokenSchema,
    attempt: attemptSchema,
    started_at: momentSchema,
    finished_at: momentSchema,
    retry_at: momentSchema,
    ...failure,
  }),
);

/** `task.failed`: no further attempt. Without a lease when the deadline passed before anyone started it. */
export const taskFailed = decision(
  'task.failed',
  z.looseObject({
    lease: leaseTokenSchema.optional(),
    attempt: attemptSchema.optional(),
    attempts: z.int().min(0),
    started_at: momentSchema.optional(),
    finished_at: momentSchema.optional(),
    ...failure,
  }),
);

/** `task.aborted`: ended on request; `killed` says which signal the process needed. */
export const taskAborted = decision(
  'task.aborted',
  z.looseObject({
    reason: z.string().optional(),
    lease: leaseTokenSchema.optional(),
    attempt: attemptSchema.optional(),
    killed: z.enum(['no', 'term', 'kill']).optional(),
  }),
);

/** `task.missed`: its `start_before` passed before anyone started it. */
export const taskMissed = decision('task.missed', z.looseObject({ start_before: momentSchema }));

/** `task.result_refused`: a result from a lost lease, kept as evidence; it changes nothing. */
export const taskResultRefused = remark(
  'task.result_refused',
  z.looseObject({
    lease: leaseTokenSchema,
    outcome: z.string(),
    output: anyJson.optional(),
    error: attemptErrorSchema.optional(),
    why: z.string(),
    claim: anyJson.optional(),
  }),
);
