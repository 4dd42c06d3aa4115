import { z } from 'zod';

/** What an outcome tells of the attempt's process, if it had one. */
export const exits = {
  exit_code: z.int().optional().describe('How its process ended.'),
  exit_signal: z.string().optional().describe('What ended its process.'),
};

/** What an outcome tells of what the attempt used and wrote. */
export const report = {
  usage: z
    .looseObject({ cpu_ms: z.number().min(0).optional(), max_rss_bytes: z.number().min(0).optional() })
    .optional()
    .describe('What it used: processor time and memory.'),
  log_tail: z
    .array(z.string())
    .optional()
    .describe(
      'The last lines it wrote, each `TIME LEVEL STREAM TEXT`: TIME by the clock of the runner’s machine, in UTC; LEVEL `debug`, `info`, `warn` or `error`; STREAM `stdout` (always `info`), `stderr` (always `warn`), `log` (what the handler logged; fields follow the message as JSON) or `runner`.',
    ),
};
