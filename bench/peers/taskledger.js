// TO BE FILLED IN: taskledger itself, from ../../dist. The interface is described in index.js; graphile-worker.js and
// graphile-worker-process.js show how a peer with several processes looks. Until then the runner skips it.
export function taskledger() {
  throw new Error('not built yet');
}
