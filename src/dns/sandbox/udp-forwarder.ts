/**
 * Passing queries on to Docker's resolver over UDP, and the answers back: the same bytes but for the id, which
 * is ours on the way so that two clients' ids never mix. Bounded in time and number.
 *
 * The socket towards Docker is a new one every two seconds of use: a restarted dockerd serves another port, and
 * the kernel goes on translating a socket that keeps asking to the old one.
 */
import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { closeSync } from 'node:fs';
import { openForwardUdp, RESOLVER_ADDRESS, RESOLVER_PORT } from '../../native/socket-sandbox.js';
import { formatFailure } from '../answers/response.js';
import { HEADER_BYTES } from '../answers/wire.js';

/** Docker's own bound. Beyond it the oldest is given up, whose client has asked again by then. */
const MOST_WAITING = 1024;

const USED_MS = 2_000;

/** Docker asks up to three servers of 8 s each; clients give up after 10 s or so. */
const WAITED_MS = 20_000;

interface Waiting {
  readonly query: Buffer;
  readonly give: (answer: Buffer) => void;
}

interface Upstream {
  readonly socket: Socket;
  readonly waiting: Map<number, Waiting>;
  /** Messages to be sent once the socket is connected; undefined since then. */
  unsent: Buffer[] | undefined;
  timer: NodeJS.Timeout;
  /** No new queries, only answers. */
  retired: boolean;
}

export class UdpForwarder {
  readonly #upstreams = new Set<Upstream>();
  #current: Upstream | undefined;
  #waiting = 0;

  constructor(
    private readonly sandboxPath: string,
    /** SO_MARK of the queries; undefined: that of all resolvers. */
    private readonly mark: () => number | undefined = () => undefined,
  ) {}

  /** Queries that wait for an answer. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * `query` has a whole DNS header. `give` is called with the answer, if one comes. Throws when no socket can be had: the
   * sandbox is gone.
   */
  forward(query: Buffer, give: (answer: Buffer) => void): void {
    if (this.#waiting >= MOST_WAITING) this.#giveUpOldest();
    const upstream = this.#usable();
    const id = freeId(upstream.waiting);
    upstream.waiting.set(id, { query, give });
    this.#waiting++;
    const message = Buffer.from(query);
    message.writeUInt16BE(id, 0);
    if (upstream.unsent) upstream.unsent.push(message);
    else this.#send(upstream, message);
  }

  close(): void {
    for (const upstream of this.#upstreams) this.#close(upstream);
  }

  #usable(): Upstream {
    if (this.#current && this.#current.waiting.size < MOST_WAITING) return this.#current;
    const upstream = this.#start(openForwardUdp(this.sandboxPath, this.mark()));
    this.#current = upstream;
    return upstream;
  }

  #start(fd: number): Upstream {
    const socket = createSocket('udp4');
    const timer = setTimeout(() => this.#retire(upstream), USED_MS).unref();
    const upstream: Upstream = { socket, waiting: new Map(), unsent: [], timer, retired: false };
    this.#upstreams.add(upstream);
    socket.on('message', (message) => this.#answer(upstream, message));
    socket.on('error', () => this.#fail(upstream));
    try {
      socket.bind({ fd, exclusive: true });
    } catch (error) {
      closeSync(fd);
      this.#close(upstream);
      throw error;
    }
    // Connected, so that "connection refused" is reported (no resolver there) and others' packets are not taken.
    socket.connect(RESOLVER_PORT, RESOLVER_ADDRESS, () => this.#connected(upstream));
    return upstream;
  }

  #connected(upstream: Upstream): void {
    const unsent = upstream.unsent ?? [];
    upstream.unsent = undefined;
    for (const message of unsent) this.#send(upstream, message);
  }

  #send(upstream: Upstream, message: Buffer): void {
    if (!this.#upstreams.has(upstream)) return;
    upstream.socket.send(message, (error) => {
      if (error) this.#fail(upstream);
    });
  }

  #answer(upstream: Upstream, message: Buffer): void {
    if (message.length < HEADER_BYTES) return;
    const id = message.readUInt16BE(0);
    const waiting = upstream.waiting.get(id);
    if (!waiting) return;
    upstream.waiting.delete(id);
    this.#waiting--;
    waiting.query.copy(message, 0, 0, 2);
    waiting.give(message);
    if (upstream.retired && upstream.waiting.size === 0) this.#close(upstream);
  }

  /** Nobody listens: the clients get a failure at once, as they would without us. */
  #fail(upstream: Upstream): void {
    const failed = [...upstream.waiting.values()];
    this.#close(upstream);
    for (const { query, give } of failed) give(formatFailure(query));
  }

  #retire(upstream: Upstream): void {
    upstream.retired = true;
    if (this.#current === upstream) this.#current = undefined;
    if (upstream.waiting.size === 0) this.#close(upstream);
    else upstream.timer = setTimeout(() => this.#close(upstream), WAITED_MS).unref();
  }

  #giveUpOldest(): void {
    for (const upstream of this.#upstreams) {
      const [oldest] = upstream.waiting.keys();
      if (oldest === undefined) continue;
      upstream.waiting.delete(oldest);
      this.#waiting--;
      return;
    }
  }

  #close(upstream: Upstream): void {
    if (!this.#upstreams.delete(upstream)) return;
    clearTimeout(upstream.timer);
    if (this.#current === upstream) this.#current = undefined;
    this.#waiting -= upstream.waiting.size;
    upstream.waiting.clear();
    upstream.socket.close();
  }
}

function freeId(taken: ReadonlyMap<number, unknown>): number {
  let id = randomInt(0x10000);
  while (taken.has(id)) id = (id + 1) & 0xffff;
  return id;
}
