import type { ClientBase } from 'pg';

/** How long a connection may take to say goodbye: over a link that died without a word the answer never comes. */
const goodbyeMs = 2000;

/** Resolves when `ending` does, or after two seconds, when the sockets of what is left are closed without an answer. Never rejects. */
export async function endWithin(ending: Promise<unknown>, left: () => Iterable<ClientBase>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      for (const client of left()) socketOf(client)?.destroy();
      resolve();
    }, goodbyeMs);
  });
  await Promise.race([ending.catch(() => undefined), late]);
  clearTimeout(timer);
}

/** Not among pg's types. */
function socketOf(client: ClientBase): { destroy(): void } | undefined {
  return (client as { readonly connection?: { readonly stream?: { destroy(): void } } }).connection?.stream;
}
