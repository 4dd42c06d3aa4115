import { readFileSync } from 'node:fs';

/**
 * A file of /proc or of a control group, whole. As UTF-8, whatever bytes are in it: Node reads that in one call, and anything
 * else through a buffer of 64 KB for each file, which the garbage collector then has to clear away while attempts wait.
 * @throws whatever the kernel says
 */
export function readKernelFile(file: string): string {
  return readFileSync(file, 'utf8');
}
