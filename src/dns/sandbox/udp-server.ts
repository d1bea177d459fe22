/**
 * The queries that come to one UDP socket. Each stays in the socket until it has been dealt with: a process that is
 * killed before that leaves it to the next one that has the socket. At worst it is answered twice.
 */
import { closeSync } from 'node:fs';
import { ReadableWatch } from '../../native/readable.js';
import { boundPort } from '../../native/socket-sandbox.js';
import { dropDatagram, peekDatagram, type SocketAddress, sendDatagram } from '../../native/udp-datagrams.js';

/** Queries that are read at once, so that a sandbox that asks without end does not hold up the others. */
const MOST_A_TURN = 32;
const MOST_TURNS = 64;

/** Where an answer goes. */
export type UdpClient = SocketAddress;

export class UdpServer {
  readonly port: number;
  readonly #watch: ReadableWatch;
  #open = true;

  /** `take` deals with one query. The descriptor is the server's from now on. Throws KERNEL, with it left open. */
  constructor(
    private readonly fd: number,
    private readonly take: (query: Buffer, client: UdpClient) => void,
  ) {
    this.port = boundPort(fd);
    this.#watch = new ReadableWatch(fd, () => this.#read());
  }

  /** What cannot be sent (the sandbox's firewall, its end) is lost: the client asks again. */
  reply(message: Buffer, client: UdpClient): void {
    if (this.#open) sendDatagram(this.fd, message, client);
  }

  /** Deals with what has come: with all of it, unless more comes as fast. */
  readAll(): void {
    for (let turns = 0; turns < MOST_TURNS && this.#read() === MOST_A_TURN; turns++);
  }

  /** Queries that wait go on waiting for whoever else has the socket. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch.close();
    closeSync(this.fd);
  }

  /** Returns how many it was. */
  #read(): number {
    for (let read = 0; read < MOST_A_TURN && this.#open; read++) {
      const query = peekDatagram(this.fd);
      if (!query) return read;
      try {
        this.take(query.message, query.sender);
      } finally {
        // Even if it failed: a query that ends this process would end every one after it.
        if (this.#open) dropDatagram(this.fd);
      }
    }
    return MOST_A_TURN;
  }
}
