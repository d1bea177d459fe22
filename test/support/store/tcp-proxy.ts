/** A TCP proxy on loopback that can fail in the ways a network does. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
}

export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #upstreamPort: number;
  readonly #pairs = new Set<Pair>();
  #server: Server | undefined;
  #holdRequests = false;
  #holdReplies = false;

  private constructor(port: number, upstreamPort: number, server: Server) {
    this.port = port;
    this.#upstreamPort = upstreamPort;
    this.#serve(server);
  }

  static async open(upstreamPort: number): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new Error('no port');
    return new TcpProxy(address.port, upstreamPort, server);
  }

  /** Connections stay open, but nothing gets through: neither requests nor replies. */
  pause(): void {
    this.#hold(true, true);
  }

  /** Requests arrive, replies do not. */
  pauseReplies(): void {
    this.#hold(false, true);
  }

  /** What was held goes on its way. */
  resume(): void {
    this.#hold(false, false);
  }

  /** Resets every open connection; new ones are taken. */
  cut(): void {
    for (const { client, upstream } of this.#pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
  }

  /** Resets every open connection and refuses new ones. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    server.close();
    this.cut();
    await once(server, 'close');
  }

  /** Takes connections again after `refuse`. */
  async accept(): Promise<void> {
    if (this.#server) return;
    const server = createServer().listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.#serve(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuse();
  }

  #serve(server: Server): void {
    this.#server = server;
    server.on('connection', (client) => this.#forward(client));
  }

  #forward(client: Socket): void {
    const pair = { client, upstream: connect(this.#upstreamPort, '127.0.0.1') };
    this.#pairs.add(pair);
    pass(client, pair.upstream, () => this.#holdRequests);
    pass(pair.upstream, client, () => this.#holdReplies);
    const end = () => {
      this.#pairs.delete(pair);
      client.destroy();
      pair.upstream.destroy();
    };
    for (const socket of [client, pair.upstream]) socket.on('error', end).on('close', end);
  }

  #hold(requests: boolean, replies: boolean): void {
    this.#holdRequests = requests;
    this.#holdReplies = replies;
    for (const { client, upstream } of this.#pairs) {
      if (requests) client.pause();
      else client.resume();
      if (replies) upstream.pause();
      else upstream.resume();
    }
  }
}

/** By hand, since `pipe` would resume what is to be held. */
function pass(from: Socket, to: Socket, held: () => boolean): void {
  from.on('data', (bytes) => {
    if (!to.write(bytes)) from.pause();
  });
  to.on('drain', () => {
    if (!held()) from.resume();
  });
  if (held()) from.pause();
}
