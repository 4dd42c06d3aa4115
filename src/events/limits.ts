// Limits of what may be written. Reading is lenient about lengths: an event recorded under another limit is still a fact.

/** Largest payload (input, output, checkpoint, error details), in bytes of its JSON text as UTF-8. */
export const MAX_PAYLOAD_BYTES = 1024 * 1024;

/** Deepest nesting of a payload: containers inside one another. `1` has depth 0, `[]` 1, `{"a":[]}` 2. */
export const MAX_PAYLOAD_DEPTH = 64;

/** Longest task name, in characters. */
export const MAX_NAME_LENGTH = 200;

/** Longest idempotency key, in characters. */
export const MAX_KEY_LENGTH = 500;

/** Longest queue name, in characters. */
export const MAX_QUEUE_LENGTH = 100;

/** Longest group name, in characters. */
export const MAX_GROUP_LENGTH = 200;

/** Longest reason a person gives for an abort, a retry, a resolution …, in characters. */
export const MAX_REASON_LENGTH = 2000;

/** Lowest priority; larger goes first, 0 is the default. */
export const MIN_PRIORITY = -100;

/** Highest priority. */
export const MAX_PRIORITY = 100;

/** Most attempts a retry policy may allow. */
export const MAX_ATTEMPTS = 1000;

/** Longest range of plugin versions a task may pin, in characters. */
export const MAX_PLUGIN_RANGE_LENGTH = 100;
