// The same handler as a program of its own, started by hand: `node isolation-bare.js INPUT` prints what it returns.
import { fresh } from './isolation-handlers.js';

const output = await fresh.run({ input: Number(process.argv[2]) });
process.stdout.write(JSON.stringify(output), () => process.exit(0));
