import type { Command } from 'commander';
import { addAsOf } from './as-of.ts';
import { addExport } from './export.ts';
import { addHeads } from './heads.ts';
import { addHistory } from './history.ts';
import { addProve } from './prove.ts';
import { addReplay } from './replay.ts';
import { addVerify } from './verify.ts';

export function addAudit(program: Command): void {
  const audit = program
    .command('audit')
    .description('look back: verify that nothing was altered, and take proof away')
    .helpCommand(false);
  for (const add of [addVerify, addHeads, addProve, addExport, addHistory, addAsOf, addReplay]) add(audit);
}
