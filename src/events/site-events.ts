import { z } from 'zod';

import { anyJson, notice } from './envelope.ts';
import { siteNameSchema } from './names.ts';

/** `site.opened`: a site starts recording, under a new incarnation. */
export const siteOpened = notice(
  'site.opened',
  z.looseObject({
    name: siteNameSchema.describe('Its name, for ever.'),
    incarnation: z.int().min(1).describe('Which stream of the site begins here.'),
    schema_version: anyJson.optional().describe('The schema it began with.'),
  }),
);

/** `site.joined`: a peer became a member. */
export const siteJoined = notice('site.joined', z.looseObject({ name: siteNameSchema.describe('The peer.') }));

/** `site.left`: a peer is no longer a member. */
export const siteLeft = notice(
  'site.left',
  z.looseObject({ name: siteNameSchema.describe('The peer.'), reason: z.string().optional().describe('Why.') }),
);

/** `site.key_added`: blocks of the site may be signed with this key from here on. */
export const siteKeyAdded = notice(
  'site.key_added',
  z.looseObject({
    name: siteNameSchema.describe('The site.'),
    key_id: z
      .string()
      .regex(/^[0-9a-f]{32}$/)
      .describe('How blocks name the key.'),
    public_key: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .describe('The key, Ed25519, in hex.'),
  }),
);

/** `realm.opened`: `owner` records decisions about the realm from here on, under the envelope's epoch. */
export const realmOpened = notice(
  'realm.opened',
  z.looseObject({ realm: siteNameSchema.describe('The realm.'), owner: siteNameSchema.describe('Its owner site.') }),
);

/** `realm.released`: the owner stopped; `cut` is where (last block and exact members). */
export const realmReleased = notice(
  'realm.released',
  z.looseObject({ cut: anyJson.describe('Where it stopped: last block and exact members.') }),
);

/** `realm.taken`: a lost owner was replaced; events beyond `cut` do not count, `in_doubt` lists what may have started. */
export const realmTaken = notice(
  'realm.taken',
  z.looseObject({
    cut: anyJson.describe('Events of the lost owner beyond it do not count.'),
    in_doubt: z.array(anyJson).describe('Tasks that may have been started beyond it.'),
  }),
);
