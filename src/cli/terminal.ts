import pc from 'picocolors';
import { readConfig } from '../config.ts';
import { jsonLine } from './printable.ts';

type Colors = ReturnType<typeof pc.createColors>;

/** Where a command prints: results to stdout, everything about them to stderr. */
export interface Terminal {
  /** True with `--json`. */
  readonly json: boolean;
  /** Tables and colours: stdout is a terminal, and neither NO_COLOR nor `--json` says otherwise. */
  readonly styled: boolean;
  readonly colors: Colors;
  /** One line of the result, as text that is safe to print. */
  line(text: string): void;
  /** One object of the result, in a line of its own. */
  object(value: object): void;
  /** Something worth knowing that is no result: to stderr. */
  note(text: string): void;
  /** Something that should be changed: to stderr, as an object with `--json`. */
  warn(text: string): void;
}

export function openTerminal(json: boolean): Terminal {
  const { stdout, stderr } = process;
  const wantsColor = readConfig('NO_COLOR') === undefined && readConfig('TERM') !== 'dumb';
  // Not a terminal: isTTY is missing then, and a missing answer would let the CI variable of picocolors decide.
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-boolean-literal-compare -- undefined when stdout is a pipe
  const styled = stdout.isTTY === true && wantsColor && !json;
  return {
    json,
    styled,
    colors: pc.createColors(styled),
    line: (text) => stdout.write(`${text}\n`),
    object: (value) => stdout.write(`${jsonLine(value)}\n`),
    note: (text) => {
      if (!json) stderr.write(`${text}\n`);
    },
    warn: (text) => stderr.write(json ? `${jsonLine({ warning: text })}\n` : `taskledger: warning: ${text}\n`),
  };
}
