import { z } from 'zod';

import { exits, report } from './attempt-report.ts';
import { anyJson, decision, leaseTokenSchema } from './envelope.ts';

/** `task.in_doubt`: nobody knows whether the attempt of a protected task took effect. */
export const taskInDoubt = decision(
  'task.in_doubt',
  z.looseObject({ why: z.string().describe('What nobody knows.'), lease: leaseTokenSchema, ...exits, ...report }),
);

/** `task.resolved`: a `verify` handler or a person settled the doubt. */
export const taskResolved = decision(
  'task.resolved',
  z.looseObject({
    outcome: z.enum(['completed', 'failed', 'rerun']).describe('What is known now, or that it is to run again.'),
    output: anyJson.optional().describe('With `completed`: what it brought.'),
    reason: z.string().optional().describe('How that is known.'),
    // Absent: a person, the actor.
    by: z.literal('verify').optional().describe('`verify`: the handler that was asked. Absent: a person, the actor.'),
    /** Whose verify handler it was. */
    runner: z.string().optional().describe('The runner whose verify handler it was.'),
  }),
);
