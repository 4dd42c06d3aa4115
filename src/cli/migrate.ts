import type { Command } from 'commander';
import { migrate } from '../postgres/migrate.ts';
import { connectionUrl, connecting, type ConnectionOptions } from './connection.ts';
import { openTerminal } from './terminal.ts';

interface MigrateCommandOptions extends ConnectionOptions {
  readonly site?: string;
}

export function addMigrate(program: Command): void {
  connecting(program.command('migrate'))
    .description('bring a database to the schema of this release; again changes nothing')
    .option('--site <name>', 'name of the site, given for ever by the first migration (default: local)')
    .action(async (options: MigrateCommandOptions) => {
      const terminal = openTerminal(options.json ?? false);
      const connectionString = await connectionUrl(options.url, terminal);
      const { site, migrationsApplied, functionsApplied, rolesMissing } = await migrate({
        connectionString,
        site: options.site,
      });
      if (terminal.json) {
        terminal.object({
          site,
          migrations_applied: migrationsApplied,
          functions_applied: functionsApplied,
          roles_missing: rolesMissing,
        });
        return;
      }
      const changes = migrationsApplied.length + functionsApplied.length;
      terminal.line(
        changes === 0
          ? `Site ${site} is up to date.`
          : `Site ${site}: applied ${migrationsApplied.length} migrations and ${functionsApplied.length} functions.`,
      );
      if (rolesMissing.length === 0) return;
      terminal.warn(
        'this user may not create roles; let an administrator run these statements, then migrate once more',
      );
      for (const statement of rolesMissing) terminal.note(statement);
    });
}
