import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/*
 * Payloads are encrypted with a key per customer (AES-256-GCM). The keys are in a table of the application: best in another
 * database, whose backups are kept for a short time only. What stays readable is the customer's id, so use one that means
 * nothing outside the application.
 */

export const schema = `create table if not exists subject_keys (
  subject text primary key,
  key     bytea,           -- null: destroyed, and with it everything that was encrypted with it
  since   timestamptz not null default now()
)`;

/** @param db a pg pool or client of the database that holds the keys */
export function subjectCodec(db) {
  return {
    async encode(value, about) {
      // An output, a checkpoint or an error belongs to whom the input belongs to.
      const subject = (about.what === 'input' ? value : about.input)?.customerId;
      if (typeof subject !== 'string') throw new Error(`the ${about.what} of ${about.name} names no customerId`);
      const key = await keyOf(db, subject, true);
      if (key === null) throw new Error('the key of this customer was destroyed: nothing can be recorded for them');
      return seal(value, subject, key);
    },

    async decode(stored, _about) {
      if (stored?.enc !== 'aes-256-gcm') return stored; // recorded without the codec
      const key = await keyOf(db, stored.subject, false);
      return key === null ? { erased: true } : open(stored, key);
    },
  };
}

/** Forgets a customer: in the ledger, its replicas and its backups, wherever they are. */
export async function destroyKey(db, subject) {
  await db.query('insert into subject_keys (subject) values ($1) on conflict (subject) do update set key = null', [
    subject,
  ]);
}

async function keyOf(db, subject, make) {
  if (make) {
    const values = [subject, randomBytes(32)];
    await db.query('insert into subject_keys (subject, key) values ($1, $2) on conflict do nothing', values);
  }
  const { rows } = await db.query('select key from subject_keys where subject = $1', [subject]);
  return rows[0]?.key ?? null;
}

const derive = (key, purpose) => Buffer.from(hkdfSync('sha256', key, '', purpose, 32));

/*
 * The IV is a keyed hash of the text instead of chance: the same input is encrypted to the same bytes, so that submitting it
 * again with its idempotency key finds the first task. Who reads the log sees that two payloads of one customer are equal,
 * and no more.
 */
function seal(value, subject, key) {
  const text = JSON.stringify(value);
  const iv = createHmac('sha256', derive(key, 'iv')).update(text).digest().subarray(0, 12);
  const cipher = createCipheriv('aes-256-gcm', derive(key, 'payload'), iv).setAAD(Buffer.from(subject));
  const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  const base64 = (bytes) => bytes.toString('base64');
  return { enc: 'aes-256-gcm', subject, iv: base64(iv), tag: base64(cipher.getAuthTag()), data: base64(data) };
}

function open({ subject, iv, tag, data }, key) {
  const bytes = (text) => Buffer.from(text, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', derive(key, 'payload'), bytes(iv));
  decipher.setAAD(Buffer.from(subject)).setAuthTag(bytes(tag));
  return JSON.parse(Buffer.concat([decipher.update(bytes(data)), decipher.final()]).toString('utf8'));
}
