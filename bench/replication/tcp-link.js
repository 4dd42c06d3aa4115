// What lies between two sites: a TCP link that counts the bytes it carries, and that can be cut.
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';

/**
 * Opens a link to the server of a connection string.
 * @returns `url(direct)`: the same database through the link; `bytes()` carried so far, in both directions; `cut()`: ends
 *   every connection and refuses new ones until `mend()`; `close()`.
 */
export async function openTcpLink(connectionString) {
  const target = { host: new URL(connectionString).hostname, port: Number(new URL(connectionString).port) };
  const open = new Set();
  let refusing = false;
  let bytes = 0;
  const carry = (from, to) => {
    from.on('data', (chunk) => {
      bytes += chunk.length;
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  };
  const server = createServer({ noDelay: true }, (client) => {
    if (refusing) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const upstream = createConnection({ ...target, noDelay: true });
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    }
    carry(client, upstream);
    carry(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const cut = () => {
    refusing = true;
    for (const socket of open) socket.destroy();
  };
  return {
    url: (direct) => Object.assign(new URL(direct), { port: String(port) }).href,
    bytes: () => bytes,
    cut,
    mend() {
      refusing = false;
    },
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
