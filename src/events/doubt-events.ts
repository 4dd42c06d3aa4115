import { z } from 'zod';

import { anyJson, decision, leaseTokenSchema } from './envelope.ts';

/** `task.in_doubt`: nobody knows whether the attempt of a protected task took effect. */
export const taskInDoubt = decision('task.in_doubt', z.looseObject({ why: z.string(), lease: leaseTokenSchema }));

/** `task.resolved`: a `verify` handler or a person settled the doubt. */
export const taskResolved = decision(
  'task.resolved',
  z.looseObject({
    outcome: z.enum(['completed', 'failed', 'rerun']),
    output: anyJson.optional(),
    reason: z.string().optional(),
  }),
);
