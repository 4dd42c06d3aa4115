import { z } from 'zod';

import { anyJson, decision, momentSchema } from './envelope.ts';
import { MAX_ATTEMPTS, MAX_PRIORITY, MIN_PRIORITY } from './limits.ts';
import { taskNameSchema } from './names.ts';

const delayMs = z.int().min(0);

/** How often a task may be tried, and how long to wait between attempts (milliseconds). */
export const retryPolicySchema = z.looseObject({
  attempts: z.int().min(1).max(MAX_ATTEMPTS),
  backoff: z
    .looseObject({ kind: z.enum(['fixed', 'exponential']), delay_ms: delayMs, cap_ms: delayMs.optional() })
    .optional(),
});

export type RetryPolicy = z.infer<typeof retryPolicySchema>;

/** `task.submitted`: the task exists; version 1 of every task. */
export const taskSubmitted = decision(
  'task.submitted',
  z.looseObject({
    name: taskNameSchema,
    input: anyJson,
    queue: z.string().min(1),
    group: z.string().optional(),
    priority: z.int().min(MIN_PRIORITY).max(MAX_PRIORITY),
    key: z.string().optional(),
    start_after: momentSchema.optional(),
    start_before: momentSchema.optional(),
    deadline: momentSchema.optional(),
    retry: retryPolicySchema,
    timeout_ms: z.int().min(1).optional(),
    protected: z.literal(true).optional(),
    plugin: z.string().optional(),
  }),
);
