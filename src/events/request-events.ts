import { z } from 'zod';

import { decision, momentSchema, positionRefSchema, remark } from './envelope.ts';
import { MAX_PRIORITY, MIN_PRIORITY } from './limits.ts';

const asked = { reason: z.string().optional().describe('Why, in the words of whoever asked.') };

const newSchedule = {
  ...asked,
  start_after: momentSchema.optional().describe('Not claimable before.'),
  priority: z.int().min(MIN_PRIORITY).max(MAX_PRIORITY).optional().describe('Larger goes first.'),
};

/** `task.abort_requested`: any site asks the owner to end the task. */
export const taskAbortRequested = remark('task.abort_requested', z.looseObject(asked));

/** `task.retry_requested`: any site asks the owner for a redrive of a finished task. */
export const taskRetryRequested = remark('task.retry_requested', z.looseObject(asked));

/** `task.reschedule_requested`: any site asks the owner for another start or priority. */
export const taskRescheduleRequested = remark('task.reschedule_requested', z.looseObject(newSchedule));

/** `task.request_refused`: the owner says no. A decision: it carries a version, and `context.answers`. */
export const taskRequestRefused = decision(
  'task.request_refused',
  z.looseObject({
    why: z.string().describe('Why not.'),
    request: positionRefSchema.describe('The request, `[site, seq]`.'),
  }),
);

/** `task.retried`: an operator's redrive of a failed, aborted or missed task; attempts start again at 1. */
export const taskRetried = decision(
  'task.retried',
  z.looseObject({ ...asked, run_at: momentSchema.optional().describe('From when on it can be claimed.') }),
);

/** `task.rescheduled`: a pending task got another start or priority. */
export const taskRescheduled = decision('task.rescheduled', z.looseObject(newSchedule));
