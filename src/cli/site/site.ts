import type { Command } from 'commander';
import { addSiteInit } from './init.ts';
import { addSiteStatus } from './status.ts';

export function addSite(program: Command): void {
  const site = program.command('site').description('the site of a database: its keys, and how it is');
  addSiteInit(site);
  addSiteStatus(site);
}
