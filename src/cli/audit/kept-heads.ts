import { parseHeads, type Head } from '../../audit/heads.ts';
import { readGivenFile } from '../read-input.ts';

/** The heads in the file of `--against`; undefined when there is none. @throws LedgerError TASKLEDGER_INVALID_INPUT, TASKLEDGER_INVALID_OPTION */
export async function keptHeads(file: string | undefined): Promise<Head[] | undefined> {
  return file === undefined ? undefined : parseHeads(await readGivenFile(file, 'the heads'));
}
