import { z } from 'zod';

import { anyJson, notice, positionRefSchema } from './envelope.ts';

/** `incident.raised`: something that must not be, such as a block whose root differs from its rows. */
export const incidentRaised = notice(
  'incident.raised',
  z.looseObject({ kind: z.string(), summary: z.string(), details: anyJson.optional() }),
);

/** `incident.closed`: the incident at this position was dealt with. */
export const incidentClosed = notice(
  'incident.closed',
  z.looseObject({ incident: positionRefSchema, resolution: z.string().optional() }),
);
