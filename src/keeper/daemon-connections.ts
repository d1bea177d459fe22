/**
 * The keeper's connections to the daemon. One on which a daemon has answered is used again, as long as it stays open: to make
 * one for each call costs keeper and daemon a third of the call.
 */
import { connect, type Socket } from 'node:net';
import { endsConnection, messageLength } from './http-length.js';

/**
 * The answer; `ended`: the daemon closed the connection, or was killed, without a whole one; `unread`: the same, and it had
 * not read the whole call, so it did not begin it; `absent`: nobody is there to connect to, or to read what comes on a new
 * connection (a daemon without descriptors closes it at once).
 */
export type Outcome = Buffer | 'ended' | 'unread' | 'absent';

/**
 * Of a connection whose other end was closed: with bytes that were not read (Linux: unix_release_sock in af_unix.c), or
 * before these were written.
 */
const UNREAD: readonly (string | undefined)[] = ['ECONNRESET', 'EPIPE'];

/** At most so many stay open unused: as many as Docker often makes at once. */
const MOST_IDLE = 4;
const NOTHING = Buffer.alloc(0);

export class DaemonConnections {
  readonly #idle = new Set<DaemonConnection>();

  /** `to`: the path of the daemon's socket. */
  constructor(private readonly to: string) {}

  /** For one call; `onEnd` is called once with its outcome. */
  take(onEnd: (outcome: Outcome) => void): DaemonConnection {
    const [idle] = this.#idle;
    if (idle) this.#idle.delete(idle);
    const connection = idle ?? new DaemonConnection(connect(this.to), (closed) => this.#idle.delete(closed));
    connection.begin(onEnd);
    return connection;
  }

  /** After the call's outcome. `isClean`: all that was sent belongs to the call. */
  giveBack(connection: DaemonConnection, isClean: boolean): void {
    if (isClean && connection.isReusable && this.#idle.size < MOST_IDLE) this.#idle.add(connection);
    else connection.close();
  }

  close(): void {
    for (const connection of this.#idle) connection.close();
  }
}

export class DaemonConnection {
  #onEnd: ((outcome: Outcome) => void) | undefined;
  #isConnected = false;
  /** It has carried a call to its answer before. */
  #isUsed = false;
  #isUnread = false;
  #answer: Buffer = NOTHING;

  constructor(
    private readonly socket: Socket,
    private readonly onClose: (connection: DaemonConnection) => void,
  ) {
    socket.on('connect', () => {
      this.#isConnected = true;
    });
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      this.#isUnread = UNREAD.includes(code);
    });
    socket.on('close', () => this.#closed());
  }

  /** False after an answer that announces the end of the connection, too. */
  get isReusable(): boolean {
    return !this.socket.destroyed && !endsConnection(this.#answer);
  }

  begin(onEnd: (outcome: Outcome) => void): void {
    this.#answer = NOTHING;
    this.#onEnd = onEnd;
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** Also of a call under way, which has no outcome then. Its event \`close\` comes later, and another call may come before. */
  close(): void {
    this.#onEnd = undefined;
    this.onClose(this);
    this.socket.destroy();
  }

  #take(bytes: Buffer): void {
    // Nobody has asked: it is not known any more what belongs to which call.
    if (!this.#onEnd) this.close();
    this.#answer = this.#answer === NOTHING ? bytes : Buffer.concat([this.#answer, bytes]);
    const length = messageLength(this.#answer);
    if (length === undefined || this.#answer.length < length) return;
    this.#isUsed = true;
    this.#end(this.#answer);
  }

  #closed(): void {
    this.onClose(this);
    const isWhole = messageLength(this.#answer) === Number.POSITIVE_INFINITY;
    if (isWhole) this.#end(this.#answer);
    else if (!this.#isConnected) this.#end('absent');
    else if (!this.#isUnread || this.#answer.length > 0) this.#end('ended');
    else this.#end(this.#isUsed ? 'unread' : 'absent');
  }

  #end(outcome: Outcome): void {
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.(outcome);
  }
}
