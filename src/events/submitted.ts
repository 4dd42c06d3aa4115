import { z } from 'zod';

import { anyJson, decision, momentSchema } from './envelope.ts';
import { MAX_ATTEMPTS, MAX_PRIORITY, MIN_PRIORITY } from './limits.ts';
import { taskNameSchema } from './names.ts';

const delayMs = z.int().min(0);

/** How often a task may be tried, and how long to wait between attempts (milliseconds). */
export const retryPolicySchema = z.looseObject({
  attempts: z
    .int()
    .min(1)
    .max(MAX_ATTEMPTS)
    .describe('All attempts, the first and those that lost their lease included.'),
  backoff: z
    .looseObject({ kind: z.enum(['fixed', 'exponential']), delay_ms: delayMs, cap_ms: delayMs.optional() })
    .optional(),
});

export type RetryPolicy = z.infer<typeof retryPolicySchema>;

/** `task.submitted`: the task exists; version 1 of every task. */
export const taskSubmitted = decision(
  'task.submitted',
  z.looseObject({
    name: taskNameSchema.describe('The task name.'),
    input: anyJson.describe('What the handler is given.'),
    queue: z.string().min(1).describe('The queue; `default` unless said otherwise.'),
    group: z.string().optional().describe('For fairness between tenants.'),
    priority: z.int().min(MIN_PRIORITY).max(MAX_PRIORITY).describe('Larger goes first.'),
    key: z.string().optional().describe('The idempotency key.'),
    start_after: momentSchema.optional().describe('Not claimable before. Absent: at once.'),
    start_before: momentSchema.optional().describe('Missed unless started by then.'),
    deadline: momentSchema.optional().describe('Failed if it is pending then, whatever attempts are left.'),
    retry: retryPolicySchema.describe('How often it may be tried, and what lies between.'),
    timeout_ms: z.int().min(1).optional().describe('Wall time of one attempt.'),
    protected: z.literal(true).optional().describe('It never starts a second time on its own.'),
    plugin: z.string().optional().describe('The version range of the plugin that may run it.'),
  }),
);
