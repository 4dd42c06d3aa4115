import { readConfig } from '../config.ts';
import { LedgerError } from '../errors.ts';
import { siteNamePattern } from '../events/names.ts';
import type { RunnerSite } from '../runner/site-part.ts';
import { givenUrl } from './connection.ts';
import type { Terminal } from './terminal.ts';

/** Collects each `--site NAME=URL`. @throws LedgerError TASKLEDGER_INVALID_OPTION */
export function siteOption(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const [, name = '', url = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  if (!siteNamePattern.test(name) || url === '') {
    // What it was is not repeated: it may hold a password.
    throw invalid('--site to be NAME=URL, such as fra=postgres://…', 'something else');
  }
  if (Object.hasOwn(before, name)) throw invalid('each --site once', `${name} twice`);
  return { ...before, [name]: url };
}

/**
 * The sites a runner works for: its own, which is that of `--url` or the environment, else the first `--site`; and all that
 * were named.
 */
export async function runnerSites(
  url: string | undefined,
  given: Readonly<Record<string, string>>,
  terminal: Terminal,
): Promise<{ readonly own: RunnerSite; readonly sites: Record<string, string> }> {
  const sites: Record<string, string> = {};
  for (const [name, text] of Object.entries(given)) sites[name] = await givenUrl(text, terminal, `--site ${name}`);
  const chosen = url === undefined ? readConfig('TASKLEDGER_DATABASE_URL') : await givenUrl(url, terminal);
  const [first] = Object.entries(sites);
  const connectionString = chosen ?? first?.[1] ?? '';
  const name = Object.keys(sites).find((each) => sites[each] === connectionString);
  return { own: { name, connectionString, checked: false }, sites };
}

function invalid(expected: string, found: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', { expected, found, remedy: 'Correct it' });
}
