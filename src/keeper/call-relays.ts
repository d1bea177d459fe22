/**
 * Held sockets on which the keeper itself takes calls, and carries them to the daemon that runs. The connection to Docker,
 * and what came on it, are the keeper's: a daemon that ends before it has answered leaves the call to the next one, and
 * Docker only waits. Without that, Docker would repeat the call with an empty body (moby: pkg/plugins/client.go).
 */
import { randomUUID } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { XnetError } from '../errors.js';
import { BACKLOG } from '../native/backlog.js';
import { type DaemonConnection, DaemonConnections, type Outcome } from './daemon-connections.js';
import { messageLength, withHeaders } from './http-length.js';
import type { HeldEntry } from './messages.js';

/** Calls that came before a socket's path was removed are taken within so long. */
const LAST_CALLS_MS = 50;
/**
 * In seconds from the call's arrival. More than the daemon's own limit (RPC_DEADLINE_MS) and a slow machine's start of one,
 * so that this is for when there is none, or one that hangs.
 */
const GIVEN_UP_S = 75;
/** A call that kills every daemon must not go on for ever. */
const MOST_REPEATS = 3;
/** To the next try where the daemon's socket is not there. */
const PAUSE_MS = 50;
/** Above what the daemon takes. */
const MOST_BYTES = 2 << 20;
/** For the daemon: the end of the answer is seen without the end of the connection. Earlier daemons close it all the same. */
const KEEP_OPEN = 'x-xnet-keep: yes\r\n';
/** For Docker: a call that came on an idle connection in the moment that it is closed would be lost. */
const ONE_CALL = 'Connection: close\r\n';

interface Relay {
  readonly entry: HeldEntry;
  readonly to: string;
  readonly server: Server;
  readonly daemon: DaemonConnections;
}

export class CallRelays {
  readonly #relays = new Map<string, Relay>();

  /**
   * Takes the calls that come to the held socket `entry` and carries them to the socket at `to`, also while nobody
   * serves that. Goes on where it does so already. `duplicate` makes a descriptor of the socket for the relay alone.
   * Throws KERNEL.
   */
  start(entry: HeldEntry, to: string, duplicate: () => number): void {
    const before = this.#relays.get(entry.key);
    if (before?.entry === entry && before.to === to) return;
    const daemon = new DaemonConnections(to);
    const server = createServer((client) => new RelayedCall(client, daemon));
    // Of one connection (no descriptor was free): its caller sees it closed.
    server.on('error', () => undefined);
    server.listen({ fd: duplicate() }, BACKLOG);
    // The keeper ends when its last daemon has.
    server.unref();
    if (!server.listening) throw new XnetError('KERNEL', `cannot take calls on ${entry.key}`);
    this.#relays.set(entry.key, { entry, to, server, daemon });
    before?.server.close(() => before.daemon.close());
  }

  /** Takes no new calls and resolves when those under way are answered. Nothing there is success. */
  async end(key: string): Promise<void> {
    const relay = this.#relays.get(key);
    if (!relay) return;
    this.#relays.delete(key);
    await new Promise((resolve) => setTimeout(resolve, LAST_CALLS_MS));
    await new Promise<void>((resolve) => relay.server.close(() => resolve()));
    relay.daemon.close();
  }
}

/** One call on its way from Docker to the daemon and back. */
class RelayedCall {
  /** 16 hex digits, of which 62 bits are random. */
  readonly #id = randomUUID().slice(19).replace('-', '');
  readonly #deadline: NodeJS.Timeout;
  /** All that came so far. */
  #request: Buffer = Buffer.alloc(0);
  #connection: DaemonConnection | undefined;
  /** How much of the request the daemon has been sent. */
  #sent = 0;
  #repeats = 0;
  #pause: NodeJS.Timeout | undefined;

  /** Takes over the connection `client`. */
  constructor(
    private readonly client: Socket,
    private readonly daemon: DaemonConnections,
  ) {
    this.#deadline = setTimeout(() => this.#giveUp(`within ${GIVEN_UP_S} s`), GIVEN_UP_S * 1000);
    client.on('data', (bytes) => this.#take(bytes));
    client.on('error', ignore);
    client.on('close', () => this.#end());
  }

  #take(bytes: Buffer): void {
    this.#request = this.#request.length === 0 ? bytes : Buffer.concat([this.#request, bytes]);
    if (this.#request.length > MOST_BYTES) {
      this.#refuse('413 Content Too Large', `the request is too large: over ${MOST_BYTES} bytes`);
    } else if (this.#connection) this.#send();
    else if (!this.#pause) this.#ask();
  }

  #ask(): void {
    this.#pause = undefined;
    this.#sent = 0;
    this.#connection = this.daemon.take((outcome) => this.#takeOutcome(outcome));
    this.#send();
  }

  /** With our headers after the first line. */
  #send(): void {
    const bytes =
      this.#sent > 0
        ? this.#request.subarray(this.#sent)
        : withHeaders(this.#request, `x-xnet-call: ${this.#id} ${this.#repeats}\r\n${KEEP_OPEN}`);
    if (!bytes) return;
    this.#connection?.send(bytes);
    this.#sent = this.#request.length;
  }

  #takeOutcome(outcome: Outcome): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (typeof outcome !== 'string') {
      if (connection) this.daemon.giveBack(connection, messageLength(this.#request) === this.#sent);
      this.#answer(withHeaders(outcome, ONE_CALL) ?? outcome);
    } else if (outcome === 'unread') this.#ask();
    else if (outcome === 'absent') this.#pause = setTimeout(() => this.#ask(), PAUSE_MS);
    else if (this.#repeats === MOST_REPEATS) this.#giveUp(`and ended, ${MOST_REPEATS + 1} times in a row`);
    else {
      this.#repeats += 1;
      this.#ask();
    }
  }

  #giveUp(why: string): void {
    const text = `xnet's daemon did not answer ${why}; see its log and xnet status`;
    this.#refuse('503 Service Unavailable', text);
  }

  /** Docker shows its user `Err` of what is not status 200. */
  #refuse(status: string, Err: string): void {
    const text = JSON.stringify({ Err });
    const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nConnection: close`;
    this.#answer(Buffer.from(`${head}\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`));
  }

  #answer(bytes: Buffer): void {
    this.#end();
    this.client.removeAllListeners('data');
    this.client.write(bytes);
    this.client.destroySoon();
  }

  /** The call is answered, or its caller has gone: then the daemon is not asked again. */
  #end(): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#pause);
    this.#connection?.close();
    this.#connection = undefined;
  }
}

function ignore(): void {}
