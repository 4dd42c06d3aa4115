import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { cannotRun, serverEnvironment } from './run-command.ts';
import { asAccount } from './server-account.ts';
import type { ServerAccount } from './server-account.ts';

/**
 * Runs "$@" and waits on standard input. A line `SIGNAL keep|remove` says how to end it; the end of input without one
 * means that whoever started us is gone, however it died: the server is stopped and its temporary directory removed.
 * Descriptor 3 is the lifeline: it closes when the last process of the server has ended.
 */
const guardScript = `
doomed=$1; shift
"$@" </dev/null &
child=$!
echo "$child" >&3
exec 3>&-
read -r signal fate || { signal=INT; fate=remove; }
kill -s "$signal" "$child" 2>/dev/null
(
  n=0; while [ $n -lt 75 ]; do sleep 0.2; n=$((n+1)); done; kill -s QUIT "$child"
  n=0; while [ $n -lt 40 ]; do sleep 0.2; n=$((n+1)); done; kill -s KILL "$child"
) 2>/dev/null &
patience=$!
wait "$child"
code=$?
kill "$patience" 2>/dev/null
if [ "$fate" = remove ] && [ -n "$doomed" ]; then
  rm -rf -- "$doomed" 2>/dev/null || { sleep 1; rm -rf -- "$doomed"; }
fi
exit "$code"
`;

export interface GuardedCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly account: ServerAccount | undefined;
  /** Where standard output and standard error go: an open file descriptor. */
  readonly logFd: number;
  /** Removed when this process ends without having said `keep`. */
  readonly temporaryDir: string | undefined;
}

/** A command that cannot outlive this process, not even `kill -9` of it. */
export interface Guarded {
  readonly pid: number;
  readonly running: boolean;
  /** Resolves when the command and everything it started have ended. */
  readonly ended: Promise<void>;
  /** From now on, running does not keep this process alive; waiting in `finish` does. */
  unref(): void;
  /**
   * Ends the command, with escalation after 15 s, and waits until all of it is gone. Further calls wait for the same end.
   * @returns the command's exit code; 128 + the signal's number if it died of one.
   */
  finish(signal: 'INT' | 'QUIT' | 'KILL', fate: 'keep' | 'remove'): Promise<number | null>;
}

export async function startGuarded(command: GuardedCommand): Promise<Guarded> {
  const guard = spawnGuard(command);
  const lifeline = guard.stdio[3] as Socket;
  const exited = new Promise<number | null>((resolve) => guard.once('exit', resolve));
  let running = true;
  const ended = once(lifeline, 'close').then(() => {
    running = false;
  });
  const pid = await readPid(guard, lifeline, command);
  lifeline.resume();
  // Somebody killed the guard alone: nothing may run unguarded.
  void exited.then((code) => code === null && running && process.kill(pid, 'SIGQUIT'));
  let finishing: Promise<number | null> | undefined;
  const finish = async (signal: string, fate: string): Promise<number | null> => {
    setReferenced(guard, lifeline, true);
    guard.stdin?.end(`${signal} ${fate}\n`);
    const code = await exited;
    await ended;
    return code;
  };
  return {
    pid,
    ended,
    get running() {
      return running;
    },
    unref: () => setReferenced(guard, lifeline, false),
    finish: (signal, fate) => (finishing ??= finish(signal, fate)),
  };
}

function spawnGuard({ file, args, account, logFd, temporaryDir }: GuardedCommand): ChildProcess {
  try {
    const guard = spawn('/bin/sh', ['-c', guardScript, 'taskledger-guard', temporaryDir ?? '', file, ...args], {
      ...asAccount(account),
      cwd: '/',
      env: serverEnvironment,
      // Out of the terminal's reach: Ctrl-C goes to whoever started the server, who may want to drain first.
      detached: true,
      stdio: ['pipe', logFd, logFd, 'pipe'],
    });
    // A guard that died cannot be told anything; its lifeline tells us so.
    guard.stdin?.on('error', () => undefined);
    return guard;
  } catch (cause) {
    throw cannotRun(file, account, cause);
  }
}

async function readPid(guard: ChildProcess, lifeline: Socket, command: GuardedCommand): Promise<number> {
  const failed = once(guard, 'error').then(([cause]) => {
    throw cannotRun(command.file, command.account, cause);
  });
  const [line] = (await Promise.race([once(lifeline, 'data'), failed])) as [Buffer];
  failed.catch(() => undefined);
  return Number.parseInt(line.toString(), 10);
}

function setReferenced(guard: ChildProcess, lifeline: Socket, referenced: boolean): void {
  const method = referenced ? 'ref' : 'unref';
  guard[method]();
  lifeline[method]();
  (guard.stdin as Socket | null)?.[method]();
}
