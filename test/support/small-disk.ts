import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

/** A file system of its own in a file, small enough to be filled. */
export interface SmallDisk {
  readonly directory: string;
  /** Takes all the space that is left. */
  fill(): void;
  /** Gives it back. */
  free(): void;
}

const run = (command: string, ...args: string[]): boolean => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** Whether this machine lets us mount a file; it is tried, since being root is not enough in most containers. */
export function canMountDisks(): boolean {
  const place = mkdtempSync(path.join(tmpdir(), 'taskledger-disk-'));
  try {
    if (!mountedIn(place, '8M')) return false;
    return run('umount', path.join(place, 'disk'));
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** Mounts a new one; it is gone when the test ends. */
export function mountSmallDisk(size: string): SmallDisk {
  const place = mkdtempSync(path.join(tmpdir(), 'taskledger-disk-'));
  const directory = path.join(place, 'disk');
  if (!mountedIn(place, size)) throw new Error(`Mounting a disk of ${size} below ${place} failed.`);
  onTestFinished(() => {
    // Lazily: the last process of a server that was on it may take a moment to end.
    execFileSync('umount', ['-l', directory]);
    rmSync(place, { recursive: true, force: true });
  });
  const ballast = path.join(directory, 'ballast');
  return {
    directory,
    fill: () => {
      const { bavail, bsize } = statfsSync(directory);
      execFileSync('fallocate', ['-l', String(Math.max(1, bavail - 8) * bsize), ballast]);
    },
    free: () => rmSync(ballast, { force: true }),
  };
}

function mountedIn(place: string, size: string): boolean {
  const image = path.join(place, 'image');
  // The server does not run as root, and has to get there.
  chmodSync(place, 0o755);
  mkdirSync(path.join(place, 'disk'));
  return (
    run('truncate', '-s', size, image) &&
    run('mkfs.ext4', '-q', '-m', '0', image) &&
    run('mount', '-o', 'loop', image, path.join(place, 'disk'))
  );
}
