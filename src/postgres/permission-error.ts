import { LedgerError } from '../errors.ts';
import { roleGrants, rolesThatMay } from './grants.ts';

export const insufficientPrivilege = '42501';

/** What a refused permission means (SQLSTATE 42501), and which role to grant. */
export function permissionError(message: string, cause: unknown): LedgerError {
  // The object stands last in every language the server may speak: "permission denied for function submit".
  const [, object = ''] = /(\w+)\W*$/.exec(message) ?? [];
  const roles = rolesThatMay(object);
  const [role = 'taskledger_runner'] = roles;
  const all = roles.length > 0 ? roles : Object.keys(roleGrants);
  return new LedgerError('TASKLEDGER_NOT_ALLOWED', {
    expected: `a database user with the role of this work: ${all.join(' or ')}`,
    found: `one without (${message})`,
    remedy: `Have an administrator grant it, such as: grant ${role} to USER`,
    cause,
    details: { roles: all },
  });
}
