/**
 * One client's TCP connection: queries one after another or many at once. What is not ours goes over one
 * connection to Docker's resolver, opened when it is needed, byte for byte both ways.
 */
import { Socket } from 'node:net';
import { openForwardTcp } from '../../native/socket-sandbox.js';
import type { SandboxAnswers, SureAnswer } from './sandbox-answers.js';

/** RFC 7766 asks for "a few seconds"; Docker's resolver closes after 8. */
const IDLE_MS = 10_000;

/** Queries passed on and not answered yet; reading pauses meanwhile. */
const MOST_WAITING = 64;

/** Bytes not taken by the client; reading pauses meanwhile. */
const MOST_UNREAD = 256 * 1024;

export class TcpConnection {
  #upstream: Socket | undefined;
  #waiting = 0;
  #clientEnded = false;

  constructor(
    private readonly client: Socket,
    private readonly answers: SandboxAnswers,
    private readonly sandboxPath: string,
  ) {}

  /** Serves until either side ends; nothing is left open then. */
  start(): void {
    const frames = new FrameReader();
    this.client.setTimeout(IDLE_MS, () => this.close());
    this.client.on('error', () => this.close());
    this.client.on('close', () => this.close());
    this.client.on('drain', () => this.#readOn());
    this.client.on('end', () => {
      this.#clientEnded = true;
      this.#endWhenDone();
    });
    this.client.on('data', (chunk: Buffer) => {
      for (const query of frames.read(chunk)) this.#take(query);
      if (this.#isFull()) this.client.pause();
    });
  }

  close(): void {
    this.client.destroy();
    this.#upstream?.destroy();
    this.#upstream = undefined;
  }

  #take(query: Buffer): void {
    if (this.client.destroyed) return;
    const answer = this.answers.find(query, 'tcp');
    if (answer instanceof Promise) this.#waitFor(answer, query);
    else this.#give(answer, query);
  }

  #waitFor(answer: Promise<SureAnswer>, query: Buffer): void {
    this.#waiting++;
    void answer.then((later) => {
      this.#waiting--;
      this.#give(later, query);
      this.#readOn();
      this.#endWhenDone();
    });
  }

  #give(answer: SureAnswer, query: Buffer): void {
    if (this.client.destroyed) return;
    if (answer === 'drop') this.close();
    else if (answer === 'forward') this.#forward(query);
    else this.client.write(frame(answer));
  }

  #forward(query: Buffer): void {
    try {
      this.#upstream ??= this.#connect();
      this.#waiting++;
      this.#upstream.write(frame(query));
    } catch {
      // No socket to be had: the sandbox ends.
      this.close();
    }
  }

  #connect(): Socket {
    const upstream = new Socket({
      fd: openForwardTcp(this.sandboxPath, this.answers.secret),
      readable: true,
      writable: true,
    });
    const frames = new FrameReader();
    upstream.on('data', (chunk: Buffer) => {
      for (const response of frames.read(chunk))
        void this.answers.replace(response, 'tcp').then((message) => this.#reply(message));
    });
    const ended = () => this.#upstreamEnded(upstream);
    upstream.on('error', ended).on('end', ended).on('close', ended);
    return upstream;
  }

  #reply(response: Buffer): void {
    if (this.client.destroyed) return;
    this.#waiting = Math.max(0, this.#waiting - 1);
    this.client.write(frame(response));
    this.#readOn();
    this.#endWhenDone();
  }

  /** Docker's resolver closes idle connections, and each after 128 queries: only open questions are a loss. */
  #upstreamEnded(upstream: Socket): void {
    upstream.destroy();
    if (this.#upstream !== upstream) return;
    this.#upstream = undefined;
    if (this.#waiting > 0) this.close();
  }

  #isFull(): boolean {
    return this.#waiting >= MOST_WAITING || this.client.writableLength > MOST_UNREAD;
  }

  #readOn(): void {
    if (this.client.isPaused() && !this.#isFull()) this.client.resume();
  }

  #endWhenDone(): void {
    if (this.#clientEnded && this.#waiting === 0) this.client.end();
  }
}

/** Cuts a stream into messages, each with its length in two bytes before it (RFC 1035, 4.2.2). Holds one unfinished message at most: 64 KiB and the last chunk. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  *read(chunk: Buffer): Generator<Buffer> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 2) {
      const end = 2 + this.#rest.readUInt16BE(0);
      if (this.#rest.length < end) return;
      const message = this.#rest.subarray(2, end);
      this.#rest = this.#rest.subarray(end);
      yield message;
    }
  }
}

export function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(2 + message.length);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, 2);
  return framed;
}
