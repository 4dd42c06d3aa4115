/** After a drain the database is asked whether really everything is finished. @throws Error */
export async function allDone(peer, n) {
  const left = await peer.remaining(n);
  if (left !== 0) throw new Error(`${peer.name} left ${left} of ${n} tasks unfinished`);
}

/** So many waiting tasks; the bare log has no queue to wait in. */
export const waiting = (batch) => (peer, n) => (peer.name === 'bare-log' ? undefined : peer.submit(n, batch));
