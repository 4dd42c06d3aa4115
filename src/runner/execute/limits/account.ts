import { readFileSync } from 'node:fs';

/** A user of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** Undefined where there is none of that name in /etc/passwd: users of a directory service are not looked for. */
export function accountNamed(name: string): Account | undefined {
  const line = passwords().find((each) => each.startsWith(`${name}:`));
  if (line === undefined) return undefined;
  const [, , uid, gid, , home = '/'] = line.split(':');
  return { name, uid: Number(uid), gid: Number(gid), home };
}

function passwords(): string[] {
  try {
    return readFileSync('/etc/passwd', 'utf8').split('\n');
  } catch {
    return [];
  }
}
