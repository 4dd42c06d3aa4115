import type { Command } from 'commander';
import { LedgerError } from '../../errors.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { printable } from '../printable.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';
import { keepSiteKey, type KeptSiteKey } from './keep-site-key.ts';

interface InitOptions extends ConnectionOptions {
  readonly key: string;
}

export function addSiteInit(site: Command): void {
  connecting(site.command('init'))
    .description('give the site a key to seal its blocks with: a new one, or the one that is in FILE')
    .argument('[name]', 'the site it must be; its name was given by `migrate`')
    .requiredOption('--key <file>', 'where the private key is, or is to be (PEM, readable by this user alone)')
    .addHelpText(
      'after',
      `
A file that is there is never overwritten: its key is taken. Another file is a rotation: restart \`serve\` with it. Keys that
were known stay known, so blocks sealed with them still verify. The private key is nowhere but in that file: keep a copy
where you keep secrets. Who loses it adds another; who has it can seal in the site's name.`,
    )
    .action(init);
}

async function init(name: string | undefined, { key: file, ...options }: InitOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  await withDatabase({ ...options, writing: true }, terminal, async ({ pool, site }) => {
    if (name !== undefined && name !== site) throw otherSite(name, site);
    tell(await keepSiteKey(pool, file), { site, file, terminal });
  });
}

interface Told {
  readonly site: string;
  readonly file: string;
  readonly terminal: Terminal;
}

function tell({ key, created, added }: KeptSiteKey, { site, file, terminal }: Told): void {
  const { keyId, publicKey } = key;
  if (terminal.json) {
    terminal.object({ site, key_id: keyId, public_key: publicKey.toString('hex'), file, created, added });
    return;
  }
  terminal.line(`${created ? 'Made a private key in' : 'Took the private key in'} ${printable(file)}.`);
  terminal.line(`Site ${site} ${added ? 'knows it now' : 'knew it already'}: key ${terminal.colors.bold(keyId)}.`);
  terminal.note(`Seal with it: TASKLEDGER_SITE_KEY_FILE=${printable(file)} taskledger serve`);
}

function otherSite(name: string, site: string): LedgerError {
  return new LedgerError('TASKLEDGER_SITE_NAME_TAKEN', {
    expected: `the database of site ${JSON.stringify(name)}`,
    found: `that of ${site}`,
    remedy: 'Name another database with --url, or leave out the name',
  });
}
