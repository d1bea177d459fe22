/**
 * Pings sent by this process from within a network namespace, each with its time: so that what was lost can be told
 * from what was late, and a test from a machine that others load.
 */
import { createSocket, type Socket } from 'node:dgram';
import { checked, LINUX, socket as openSocket } from '../../../src/native/socket-libc.js';
import { inNamespace } from '../../../src/native/socket-namespace.js';

const IPPROTO_ICMP = 1;
const ECHO_REQUEST = 8;
const ECHO_REPLY = 0;
const ICMP_HEADER = 8;

export class SteadyPing implements Disposable {
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  /** When each ping was sent, by its number. */
  readonly #sentMs: number[] = [];
  readonly #answered = new Set<number>();
  #heardMs = 0;

  /**
   * The group 0 must be allowed to ping there (net.ipv4.ping_group_range). A ping that no interface takes counts as
   * sent.
   */
  private constructor(fd: number, address: string, everyMs: number) {
    this.#socket = createSocket('udp4');
    this.#socket.on('error', () => undefined);
    this.#socket.on('message', (message) => {
      if (message[0] !== ECHO_REPLY) return;
      const number = message.readUInt32BE(ICMP_HEADER);
      this.#answered.add(number);
      this.#heardMs = Math.max(this.#heardMs, this.#sentMs[number] ?? 0);
    });
    this.#socket.bind({ fd, exclusive: true });
    this.#timer = setInterval(() => this.#send(address), everyMs);
  }

  static start(namespace: string, address: string, everyMs: number): SteadyPing {
    const flags = LINUX.SOCK_DGRAM | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK;
    const open = () => checked(openSocket(LINUX.AF_INET, flags, IPPROTO_ICMP), 'socket');
    return new SteadyPing(inNamespace(namespace, open), address, everyMs);
  }

  /** When the last ping that was sent from `fromMs` on and before `untilMs`, and not answered, was sent. */
  lastLost(fromMs: number, untilMs: number): number | undefined {
    return this.#sentMs.findLast(
      (sentMs, number) => sentMs >= fromMs && sentMs < untilMs && !this.#answered.has(number),
    );
  }

  /** When the newest ping was sent that was answered. */
  get heardMs(): number {
    return this.#heardMs;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }

  #send(address: string): void {
    const message = Buffer.alloc(ICMP_HEADER + 4);
    message[0] = ECHO_REQUEST;
    message.writeUInt32BE(this.#sentMs.length, ICMP_HEADER);
    this.#sentMs.push(performance.now());
    this.#socket.send(message, 1, address, () => undefined);
  }
}
