import { z } from 'zod';

import { anyJson, notice, positionRefSchema } from './envelope.ts';

/** `incident.raised`: something that must not be, such as a block whose root differs from its rows. */
export const incidentRaised = notice(
  'incident.raised',
  z.looseObject({
    kind: z.string().describe('What kind of thing.'),
    summary: z.string().describe('What is wrong, in one line.'),
    details: anyJson.optional().describe('Particulars.'),
  }),
);

/** `incident.closed`: the incident at this position was dealt with. */
export const incidentClosed = notice(
  'incident.closed',
  z.looseObject({
    incident: positionRefSchema.describe('The event that raised it, `[site, seq]`.'),
    resolution: z.string().optional().describe('How it was dealt with.'),
  }),
);
