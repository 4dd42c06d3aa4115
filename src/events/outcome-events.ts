import { z } from 'zod';

import { anyJson, decision, leaseTokenSchema, momentSchema, remark } from './envelope.ts';
import { exits, report } from './attempt-report.ts';
import { attemptSchema } from './lease-events.ts';

/** Why an attempt did not succeed. `details` may be encoded by the codec; `code` never carries personal data. */
export const attemptErrorSchema = z.looseObject({
  code: z.string().describe('What kind of failure; stable, and never personal data.'),
  name: z.string().optional().describe('The name of what was thrown.'),
  message: z.string().optional().describe('Its message.'),
  stack: z.string().optional().describe('Its stack.'),
  cause: anyJson.optional().describe('What caused it.'),
  details: anyJson.optional().describe('Particulars for programs, such as every issue of a schema.'),
});

export type AttemptError = z.infer<typeof attemptErrorSchema>;

const failure = {
  error: attemptErrorSchema.describe('What went wrong.'),
  ...exits,
  ...report,
};

/** `task.completed`: the attempt succeeded. */
export const taskCompleted = decision(
  'task.completed',
  z.looseObject({
    lease: leaseTokenSchema,
    attempt: attemptSchema,
    output: anyJson.optional().describe('What the handler returned. Absent: nothing.'),
    started_at: momentSchema.describe('When the attempt began.'),
    finished_at: momentSchema.describe('When it ended.'),
    last_heartbeat: momentSchema.optional().describe('When its lease was last renewed.'),
    ...report,
  }),
);

/** `task.attempt_failed`: the attempt failed, and another one is due at `retry_at`. */
export const taskAttemptFailed = decision(
  'task.attempt_failed',
  z.looseObject({
    lease: leaseTokenSchema,
    attempt: attemptSchema,
    started_at: momentSchema.describe('When the attempt began.'),
    finished_at: momentSchema.describe('When it ended.'),
    retry_at: momentSchema.describe('From when on the next one can be claimed.'),
    ...failure,
  }),
);

/** `task.failed`: no further attempt. Without a lease when the deadline passed before anyone started it. */
export const taskFailed = decision(
  'task.failed',
  z.looseObject({
    lease: leaseTokenSchema.optional(),
    attempt: attemptSchema.optional(),
    attempts: z.int().min(0).describe('How many attempts the policy allows.'),
    started_at: momentSchema.optional().describe('When the last attempt began.'),
    finished_at: momentSchema.optional().describe('When it ended.'),
    ...failure,
  }),
);

/** `task.aborted`: ended on request; `killed` says which signal the process needed. */
export const taskAborted = decision(
  'task.aborted',
  z.looseObject({
    reason: z.string().optional().describe('Why.'),
    lease: leaseTokenSchema.optional(),
    attempt: attemptSchema.optional(),
    started_at: momentSchema.optional().describe('When the attempt that was stopped began.'),
    finished_at: momentSchema.optional().describe('When it ended.'),
    killed: z.enum(['no', 'term', 'kill']).optional().describe('Which signal its process needed, if any.'),
    ...exits,
    ...report,
  }),
);

/** `task.missed`: its `start_before` passed before anyone started it. */
export const taskMissed = decision(
  'task.missed',
  z.looseObject({ start_before: momentSchema.describe('The end of the window.') }),
);

/** `task.result_refused`: a result from a lost lease, kept as evidence; it changes nothing. */
export const taskResultRefused = remark(
  'task.result_refused',
  z.looseObject({
    lease: leaseTokenSchema,
    outcome: z.string().describe('What the runner said of the attempt.'),
    output: anyJson.optional().describe('The output that came too late.'),
    error: attemptErrorSchema.optional().describe('The error that came too late.'),
    why: z.string().describe('Why it does not count.'),
    claim: anyJson.optional().describe('The claim it was made under.'),
  }),
);
