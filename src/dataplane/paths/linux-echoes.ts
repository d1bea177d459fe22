/** Echoes by a raw socket. Several of them on one host distinguish their requests by the id, which is random. */
import { randomInt } from 'node:crypto';
import { closeSync } from 'node:fs';
import { openEchoSocket, receiveEcho, receiveRequests, sendEcho } from '../../native/packets/echo-socket.js';
import { ReadableWatch } from '../../native/readable.js';
import type { Echoes, TakeArrival } from '../paths.js';

/** Packets that are read at once, so that a host that sends without end does not hold up all else. */
const MOST_A_TURN = 256;

export class LinuxEchoes implements Echoes {
  readonly #fd: number;
  readonly #watch: ReadableWatch;
  readonly #id = randomInt(1, 0xffff);
  #isOpen = true;
  #takesRequests = false;

  /** Throws what `openEchoSocket` does. */
  constructor(
    path: string | undefined,
    private readonly vtep: string,
    private readonly take: TakeArrival,
  ) {
    this.#fd = openEchoSocket(path, vtep);
    this.#watch = new ReadableWatch(this.#fd, () => this.read());
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  send(to: string, sequence: number, bytes: number): boolean {
    return this.#isOpen && sendEcho(this.#fd, to, { id: this.#id, sequence, bytes });
  }

  takeRequests(isWanted: boolean): void {
    if (!this.#isOpen || isWanted === this.#takesRequests) return;
    this.#takesRequests = isWanted;
    receiveRequests(this.#fd, this.vtep, isWanted);
  }

  read(): void {
    for (let count = 0; count < MOST_A_TURN && this.#isOpen; count += 1) {
      const echo = receiveEcho(this.#fd, this.vtep);
      if (!echo) return;
      if (!echo.isAnswer || echo.id === this.#id) this.take(echo);
    }
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#watch.close();
    closeSync(this.#fd);
  }
}
