import { z } from 'zod';

import { anyJson, notice } from './envelope.ts';
import { siteNameSchema } from './names.ts';

/** `site.opened`: a site starts recording, under a new incarnation. */
export const siteOpened = notice(
  'site.opened',
  z.looseObject({ name: siteNameSchema, incarnation: z.int().min(1), schema_version: anyJson.optional() }),
);

/** `site.joined`: a peer became a member. */
export const siteJoined = notice('site.joined', z.looseObject({ name: siteNameSchema }));

/** `site.left`: a peer is no longer a member. */
export const siteLeft = notice('site.left', z.looseObject({ name: siteNameSchema, reason: z.string().optional() }));

/** `realm.opened`: `owner` records decisions about the realm from here on, under the envelope's epoch. */
export const realmOpened = notice('realm.opened', z.looseObject({ realm: siteNameSchema, owner: siteNameSchema }));

/** `realm.released`: the owner stopped; `cut` is where (last block and exact members). */
export const realmReleased = notice('realm.released', z.looseObject({ cut: anyJson }));

/** `realm.taken`: a lost owner was replaced; events beyond `cut` do not count, `in_doubt` lists what may have started. */
export const realmTaken = notice('realm.taken', z.looseObject({ cut: anyJson, in_doubt: z.array(anyJson) }));
