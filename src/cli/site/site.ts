import type { Command } from 'commander';
import { addSiteAdd } from './add.ts';
import { addSiteDismiss } from './dismiss.ts';
import { addSiteInit } from './init.ts';
import { addSiteRemove } from './remove.ts';
import { addSiteRepair } from './repair.ts';
import { addSiteStatus } from './status.ts';

export function addSite(program: Command): void {
  const site = program.command('site').description('the site of a database: its keys, its peers, and how they are');
  addSiteInit(site);
  addSiteAdd(site);
  addSiteRemove(site);
  addSiteRepair(site);
  addSiteDismiss(site);
  addSiteStatus(site);
}
