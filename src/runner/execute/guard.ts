import { spawn, type ChildProcess } from 'node:child_process';
import { readConfig } from '../../config.ts';
import { markVariable } from './process-tree.ts';

/**
 * Hears on its input which process groups are held, one `hold GROUP` or `drop GROUP` a line, and where control groups are:
 * `within DIRECTORY`. The end of its input means that the runner is gone, however it went: what is held is killed, with
 * whatever carries the runner's mark or is in its control groups, and the directory of the attempts is removed, after
 * what is mounted there. The process groups are for systems without /proc. Three rounds, since something may have been
 * starting meanwhile; what is frozen in the kernel keeps its control group, which is empty otherwise.
 */
const guardScript = `
mark=$1; directory=$2; held=; within=
while read -r verb group; do
  case $verb in
    hold) held="$held $group" ;;
    within) within="$within $group" ;;
    drop) kept=; for one in $held; do [ "$one" = "$group" ] || kept="$kept $one"; done; held=$kept ;;
  esac
done
for round in 1 2 3; do
  for group in $held; do kill -s KILL -- "-$group"; done
  for file in $(grep -lsF -- "$mark" /proc/[0-9]*/environ); do
    pid=\${file#/proc/}; kill -s KILL "\${pid%/environ}"
  done
  for one in $within; do
    for pid in $(find "$one" -name cgroup.procs -exec cat {} +); do kill -s KILL "$pid"; done
  done
done 2>/dev/null
while read -r _ mounted _; do
  case $mounted in "$directory"/*) umount -l "$mounted" ;; esac
done </proc/mounts 2>/dev/null
for one in $within; do
  for round in 1 2 3 4 5; do
    [ -d "$one" ] || break
    find "$one" -depth -type d -exec rmdir {} \\; || sleep 0.2
  done
done 2>/dev/null
rm -rf -- "$directory" || { sleep 1; rm -rf -- "$directory"; }
`;

/**
 * A small process beside the runner that ends its children when the runner cannot: after kill -9. One for all attempts.
 * The children notice themselves too, by the end of their protocol descriptor, but not while their event loop is blocked.
 */
export class Guard {
  readonly #mark: string;
  readonly #directory: string;
  readonly #held = new Set<number>();
  readonly #within: string[] = [];
  #shell: ChildProcess | undefined;

  /** @param directory removed at the end */
  constructor(mark: string, directory: string) {
    this.#mark = mark;
    this.#directory = directory;
    this.#start();
  }

  hold(group: number): void {
    this.#held.add(group);
    this.#tell(`hold ${group}`);
  }

  drop(group: number): void {
    this.#held.delete(group);
    this.#tell(`drop ${group}`);
  }

  /** Whatever is in this control group is the runner's. */
  holdWithin(directory: string): void {
    this.#within.push(directory);
    this.#tell(`within ${directory}`);
  }

  /** Lets it do its work and waits until it has: nothing is held any more, so that is removing the directory. */
  async stop(): Promise<void> {
    const shell = this.#shell;
    this.#shell = undefined;
    if (shell === undefined) return;
    const ended = new Promise((resolve) => shell.once('close', resolve));
    shell.ref();
    shell.stdin?.end();
    await ended;
  }

  #start(): void {
    const shell = spawn(
      '/bin/sh',
      ['-c', guardScript, 'taskledger-guard', `${markVariable}=${this.#mark}`, this.#directory],
      {
        cwd: '/',
        env: { PATH: readConfig('PATH') },
        // Out of the terminal's reach: Ctrl-C goes to the runner, which lets its attempts finish first.
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore'],
      },
    );
    this.#shell = shell;
    shell.on('error', () => undefined);
    shell.stdin.on('error', () => undefined);
    // Its input closes with this process; until then it must not keep it.
    shell.unref();
    (shell.stdin as typeof shell.stdin & { unref(): void }).unref();
    for (const group of this.#held) this.#tell(`hold ${group}`);
    for (const directory of this.#within) this.#tell(`within ${directory}`);
    // Somebody killed it: nothing may run unguarded. Not again at once if it cannot run at all.
    shell.once('exit', (_code, signal) => {
      if (this.#shell !== shell) return;
      this.#shell = undefined;
      if (signal !== null) this.#start();
    });
  }

  #tell(line: string): void {
    this.#shell?.stdin?.write(`${line}\n`);
  }
}
