import { expect, it } from 'vitest';
import { assertConverged } from '../support/converged.ts';
import { joinSites, openSite, openSites } from '../support/sites.ts';

const many = (n: number) => Array.from({ length: n }, (_, i) => ({ input: { i } }));

it('ships what each of three sites records to the others, and proves it', async () => {
  const sites = await openSites(['ams', 'fra', 'lon']);
  await Promise.all(sites.map((site) => site.ledger.submitMany('tickets.issue', many(500))));
  await assertConverged(sites);
}, 60_000);

it('gives a site that joins the whole history, while everyone writes', async () => {
  const ams = await openSite('ams');
  await ams.serve();
  for (let i = 0; i < 5; i += 1) await ams.ledger.submitMany('tickets.issue', many(2000));
  const fra = await openSite('fra');
  await fra.serve();
  await fra.ledger.submitMany('tickets.issue', many(100));
  const pulled = fra.signals.next('stream.pulled', ({ events }) => events > 5000);
  let writing = true;
  const writes = (async () => {
    while (writing) {
      // One block after the other, not as fast as it goes: what is written has to be projected too.
      const sealed = ams.signals.next('seal.done');
      await Promise.all([ams, fra].map((site) => site.ledger.submitMany('tickets.issue', many(50))));
      await sealed;
    }
  })();
  await joinSites([ams, fra]);
  await pulled;
  writing = false;
  await writes;
  // However many were written meanwhile.
  await assertConverged([ams, fra], { withinMs: 60_000 });
}, 120_000);

it('pulls everything where replication is not allowed', async () => {
  const sites = await openSites(['ams', 'fra'], { transport: 'pull' });
  await Promise.all(sites.map((site) => site.ledger.submitMany('tickets.issue', many(500))));
  await assertConverged(sites);
  for (const site of sites) {
    const { rows } = await site.pool.query(
      'select from pg_subscription u join pg_database d on d.oid = u.subdbid where d.datname = current_database()',
    );
    expect(rows).toEqual([]);
  }
}, 60_000);
