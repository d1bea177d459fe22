/** Many containers that look names up at a steady pace, over UDP as libc does. */
import { createSocket, type Socket } from 'node:dgram';
import { decode, encode } from 'dns-packet';
import { LINUX, socket as openSocket } from '../../../src/native/socket-libc.js';
import { inNamespace } from '../../../src/native/socket-namespace.js';
import type { Container } from '../containers/containers.js';

/** Unanswered for so long, a query has failed. */
const GIVEN_UP_MS = 5_000;

export interface LookupResult {
  readonly asked: number;
  /** What was not answered with an address, and how. */
  readonly failures: readonly string[];
  readonly slowestMs: number;
}

interface Client {
  readonly container: Container;
  readonly socket: Socket;
  /** By query id. */
  readonly waiting: Map<number, { readonly name: string; readonly sentMs: number }>;
  nextId: number;
}

export class LookupLoad {
  readonly #clients: readonly Client[];
  readonly #names: readonly string[];
  readonly #timer: NodeJS.Timeout;
  readonly #failures: string[] = [];
  #asked = 0;
  #slowestMs = 0;

  private constructor(clients: readonly Client[], names: readonly string[], perSecond: number) {
    this.#clients = clients;
    this.#names = names;
    for (const client of clients) client.socket.on('message', (message) => this.#take(client, message));
    this.#timer = setInterval(() => this.#askAll(), 1_000 / perSecond);
  }

  /** Each container asks for the names in turn, `perSecond` queries a second. */
  static async start(
    containers: readonly Container[],
    names: readonly string[],
    perSecond: number,
  ): Promise<LookupLoad> {
    const clients = await Promise.all(containers.map(clientIn));
    return new LookupLoad(clients, names, perSecond);
  }

  /** Waits for the last answers. */
  async stop(): Promise<LookupResult> {
    clearInterval(this.#timer);
    const deadline = performance.now() + GIVEN_UP_MS;
    const isWaiting = () => this.#clients.some(({ waiting }) => waiting.size > 0);
    while (isWaiting() && performance.now() < deadline) await new Promise((done) => setTimeout(done, 20));
    for (const { container, socket, waiting } of this.#clients) {
      for (const { name } of waiting.values())
        this.#failures.push(`${container.name} got no answer for ${name}`);
      socket.close();
    }
    return { asked: this.#asked, failures: this.#failures, slowestMs: this.#slowestMs };
  }

  #askAll(): void {
    for (const client of this.#clients) {
      const name = this.#names[this.#asked++ % this.#names.length] as string;
      const id = client.nextId++ & 0xffff;
      client.waiting.set(id, { name, sentMs: performance.now() });
      const query = encode({ type: 'query', id, flags: 0x100, questions: [{ type: 'A', name }] });
      client.socket.send(query, 53, '127.0.0.11', (error) => {
        if (error) this.#failures.push(`${client.container.name} cannot ask: ${error.message}`);
      });
    }
  }

  #take({ container, waiting }: Client, message: Buffer): void {
    const { id = 0, answers = [], rcode } = decode(message) as ReturnType<typeof decode> & { rcode?: string };
    const asked = waiting.get(id);
    if (!asked) return;
    waiting.delete(id);
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - asked.sentMs);
    if (answers.length === 0) this.#failures.push(`${container.name} got ${rcode} for ${asked.name}`);
  }
}

async function clientIn(container: Container): Promise<Client> {
  const socket = await openSocketIn(await findSandbox(container));
  return { container, socket, waiting: new Map(), nextId: 1 };
}

/** The path, on this machine, of the network namespace that a container has as long as it runs. */
export async function findSandbox(container: Container): Promise<string> {
  const [sandbox] = await findSandboxes([container]);
  return sandbox as string;
}

/** The same of containers of one host. */
export async function findSandboxes(containers: readonly Container[]): Promise<string[]> {
  const [{ lab, host }] = containers as [Container];
  const names = containers.map(({ name }) => name);
  const pids = await lab.docker(host, 'inspect', '-f', '{{.State.Pid}}', ...names);
  const init = await lab.run(['pid', host]);
  return pids.split('\n').map((pid) => `/proc/${init}/root/proc/${pid}/ns/net`);
}

/** A UDP socket of this process in the network namespace at `sandbox`, which it keeps until it is closed. */
export async function openSocketIn(sandbox: string): Promise<Socket> {
  const flags = LINUX.SOCK_DGRAM | LINUX.SOCK_CLOEXEC | LINUX.SOCK_NONBLOCK;
  return socketOf(inNamespace(sandbox, () => openSocket(LINUX.AF_INET, flags, 0)));
}

/** The descriptor of a UDP socket is the socket's from now on. */
export async function socketOf(fd: number): Promise<Socket> {
  const socket = createSocket('udp4');
  // "Connection refused": said again by the query that stays unanswered.
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.bind({ fd, exclusive: true }, resolve));
  return socket;
}
