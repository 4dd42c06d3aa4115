import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

export type Direction = 'to server' | 'to client';

/** A link between a client and a server on 127.0.0.1 that fails on command; connections made through it are `pairs`. */
export interface TcpProxy {
  readonly port: number;
  /** The same connection string, through the link. */
  url(direct: string): string;
  /** Connections open now. */
  readonly connections: number;
  /** Ends every connection, as when a peer closes it; new ones come about. */
  cut(): void;
  /** Ends every connection with a reset, as when a machine between forgot them. */
  reset(): void;
  /** Ends every connection and refuses new ones, until `mend`. */
  refuse(): void;
  /** Swallows nothing and delivers nothing, in one direction or both: the connections look alive. New ones are frozen too. */
  freeze(...directions: Direction[]): void;
  /** Every connection open now is dead without a word, for ever; new ones work. */
  strand(): void;
  /** Delivers from now on only after `ms`, in each direction. */
  delay(ms: number): void;
  /** Ends `freeze`, `delay` and `refuse`; what was kept back is delivered. */
  mend(): void;
  /** Cuts the next connection whose client sends `text`, before the server gets it; resolves once that has happened. */
  loseRequest(text: string): Promise<void>;
  /** As `loseRequest`, but after the server has done it and answered: the client never learns. */
  loseAnswer(text: string): Promise<void>;
}

/** ReadyForQuery, which ends every answer of a PostgreSQL server: type, length 5, then one byte of transaction status. */
const endOfAnswer = Buffer.from([0x5a, 0, 0, 0, 5]);

interface Loss {
  readonly text: string;
  readonly what: 'request' | 'answer';
  readonly done: () => void;
}

class Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly kept: Record<Direction, Buffer[]> = { 'to server': [], 'to client': [] };
  /** The client has asked what it shall get no answer to. */
  losing: Loss | undefined;
  stranded = false;

  constructor(client: Socket, server: Socket) {
    this.client = client;
    this.server = server;
  }

  deliver(direction: Direction): void {
    const target = direction === 'to server' ? this.server : this.client;
    for (const chunk of this.kept[direction].splice(0)) if (target.writable) target.write(chunk);
  }

  end(how: 'cut' | 'reset'): void {
    for (const socket of [this.client, this.server]) {
      if (how === 'reset') socket.resetAndDestroy();
      else socket.destroy();
    }
  }
}

class Link implements TcpProxy {
  port = 0;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Set<Pair>();
  readonly #server: Server;
  readonly #frozen = new Set<Direction>();
  readonly #losses: Loss[] = [];
  #delayMs = 0;
  #refusing = false;

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
  }

  get connections(): number {
    return this.#pairs.size;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  url(direct: string): string {
    const url = new URL(direct);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  cut(): void {
    for (const pair of this.#pairs) pair.end('cut');
  }

  reset(): void {
    for (const pair of this.#pairs) pair.end('reset');
  }

  refuse(): void {
    this.#refusing = true;
    this.cut();
  }

  freeze(...directions: Direction[]): void {
    const which: readonly Direction[] = directions.length > 0 ? directions : ['to server', 'to client'];
    for (const direction of which) this.#frozen.add(direction);
  }

  strand(): void {
    for (const pair of this.#pairs) pair.stranded = true;
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  mend(): void {
    this.#refusing = false;
    this.#delayMs = 0;
    this.#frozen.clear();
    for (const pair of this.#pairs) {
      pair.deliver('to server');
      pair.deliver('to client');
    }
  }

  loseRequest(text: string): Promise<void> {
    return this.#lose(text, 'request');
  }

  loseAnswer(text: string): Promise<void> {
    return this.#lose(text, 'answer');
  }

  #lose(text: string, what: Loss['what']): Promise<void> {
    return new Promise((done) => this.#losses.push({ text, what, done }));
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const pair = new Pair(client, createConnection({ ...this.#target, noDelay: true }));
    this.#pairs.add(pair);
    client.on('data', (chunk) => this.#fromClient(pair, chunk));
    pair.server.on('data', (chunk) => this.#fromServer(pair, chunk));
    for (const socket of [client, pair.server]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        // A frozen link tells nobody that the other side is gone.
        if (this.#frozen.size > 0) return;
        this.#pairs.delete(pair);
        pair.end('cut');
      });
    }
  }

  #fromClient(pair: Pair, chunk: Buffer): void {
    const at = this.#losses.findIndex(({ text }) => chunk.includes(text));
    const [loss] = at < 0 ? [] : this.#losses.splice(at, 1);
    if (loss?.what === 'request') {
      pair.end('cut');
      loss.done();
      return;
    }
    pair.losing ??= loss;
    this.#pass(pair, 'to server', chunk);
  }

  #fromServer(pair: Pair, chunk: Buffer): void {
    if (pair.losing === undefined) this.#pass(pair, 'to client', chunk);
    else if (chunk.subarray(-6, -1).equals(endOfAnswer)) {
      pair.end('cut');
      pair.losing.done();
    }
  }

  #pass(pair: Pair, direction: Direction, chunk: Buffer): void {
    if (pair.stranded) return;
    pair.kept[direction].push(chunk);
    if (this.#frozen.has(direction)) return;
    if (this.#delayMs === 0) pair.deliver(direction);
    else void sleep(this.#delayMs).then(() => (this.#frozen.has(direction) ? undefined : pair.deliver(direction)));
  }
}

/** Opens a link to the server of a connection string; it is closed when the test ends. */
export async function proxyTo(connectionString: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(connectionString);
  const link = new Link({ host: hostname, port: Number(port === '' ? 5432 : port) });
  await link.listen();
  onTestFinished(() => link.close());
  return link;
}
