import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { roleGrants, type RoleGrants } from '../../src/postgres/grants.ts';
import { repositoryRoot } from '../support/repository.ts';

/**
 * The page is written from src/postgres/grants.ts and proven equal to it. After a change:
 *   UPDATE_DOCS=1 npx vitest run --project unit test/postgres/roles-page.unit.test.ts
 */
const update = process.env['UPDATE_DOCS'] === '1';
const page = 'docs/reference/roles.md';

test(`${page} is what src/postgres/grants.ts says (UPDATE_DOCS=1 writes it)`, () => {
  const file = path.join(repositoryRoot, page);
  if (update) writeFileSync(file, renderRoles());
  expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(renderRoles());
});

function renderRoles(): string {
  return [
    ...opening,
    ...Object.entries<RoleGrants>(roleGrants).flatMap(([role, grants]) => renderRole(role, grants)),
    ...closing,
    '',
  ].join('\n');
}

function renderRole(role: string, { work, execute, select }: RoleGrants): string[] {
  const reads = Object.entries(select).map(([table, columns]) =>
    columns === '*' ? `\`${table}\`` : `\`${table}\` (${columns.map((column) => `\`${column}\``).join(', ')})`,
  );
  return [
    `## ${role}`,
    '',
    work,
    '',
    `- executes ${execute.map((name) => `\`${name}\``).join(', ')}`,
    `- reads ${reads.length === 0 ? 'no table' : reads.join(', ')}`,
    '',
  ];
}

const opening = `# Roles

<!-- Written from src/postgres/grants.ts by test/postgres/roles-page.unit.test.ts (UPDATE_DOCS=1); do not edit. -->

\`taskledger migrate\` makes these roles and gives each what its work needs and no more. None can log in, none owns anything,
and none may write a table: every write goes through a SQL function that checks it. Give them to the users that do log in;
who does two kinds of work gets two:

\`\`\`sql
create role payouts_app login password '…';
grant taskledger_submitter to payouts_app;
create role alice login password '…';
grant taskledger_operator, taskledger_submitter to alice;
\`\`\`

An event's \`actor\` is the user that logged in (\`session_user\`), whatever role is set: one user per person or service makes the
history say who did what. PUBLIC has no right on the schema or on anything in it.

\`migrate\` also mends: what a role of this list, or PUBLIC, was given beyond it is taken away, what is missing is given. Rights of
other users of yours on the schema are left alone. A user without the right to create roles is told the statements an
administrator must run; \`migrate\` once more afterwards gives the grants.
`.split('\n');

const closing = `## What no role prevents

- The owner of the schema and superusers may do everything; what they change is found by the blocks, not prevented by rights.
- Every user that may connect to the database may listen on its channels, and so learn names of tasks and ids of tasks that are
  to be aborted, and may take advisory locks, and so make the ledger wait. Let only those connect who need to:
  \`revoke connect on database … from public\`.
- A caller chooses how durable its own commit is. With \`synchronous_commit = off\` in its session, an answer may be lost in a
  crash of the server.`.split('\n');
