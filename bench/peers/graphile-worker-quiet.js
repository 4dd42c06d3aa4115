import { Logger } from 'graphile-worker';

// One line per job would be measured otherwise (its own perfTest sets NO_LOG_SUCCESS for the same reason).
process.env.NO_LOG_SUCCESS = '1';

export const quiet = new Logger(() => (level, message) => {
  if (level === 'error') process.stderr.write(`graphile-worker: ${message}\n`);
});
