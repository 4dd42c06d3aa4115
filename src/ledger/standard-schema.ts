import { LedgerError } from '../errors.ts';

/** The part of Standard Schema v1 (https://standardschema.dev) the ledger uses; Zod, Valibot and ArkType offer it. */
export interface StandardSchema<Output> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

type StandardResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] };

interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

function pathOf(issue: StandardIssue): string {
  return (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
}

/**
 * Checks `value` and returns what the schema made of it; without a schema, the value itself.
 * @throws LedgerError TASKLEDGER_INVALID_INPUT naming every issue with its path, never the value.
 */
export async function checkedBySchema<T>(
  schema: StandardSchema<T> | undefined,
  value: unknown,
  what: string,
): Promise<T> {
  if (schema === undefined) return value as T;
  const checked = schema['~standard'].validate(value);
  const result = checked instanceof Promise ? await checked : checked;
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map((issue) => ({ path: pathOf(issue), message: issue.message }));
  throw new LedgerError('TASKLEDGER_INVALID_INPUT', {
    expected: `${what} to fit its schema`,
    found: issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; '),
    remedy: 'Correct each place named and try again; nothing was recorded',
    details: { issues },
  });
}
