import { handlerExported } from '../execute/handlers-module.ts';
import { offerTaskledger } from '../execute/offer-taskledger.ts';

/** A program of its own: loads a module as the child of an attempt does, and looks for what it exports. Arguments: file, export, task. */
const [file = '', name = '', task = ''] = process.argv.slice(2);
offerTaskledger();
try {
  await handlerExported(file, name, task);
  process.exitCode = 0;
} catch (error) {
  process.stderr.write(`\n${error instanceof Error ? error.message.replaceAll('\n', ' ') : String(error)}\n`);
  process.exitCode = 1;
}
