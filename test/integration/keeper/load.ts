/** Clients that ask at a steady rate, and what became of every question. */
import { createSocket, type Socket } from 'node:dgram';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Outcome {
  /** Of what was asked, unique. */
  readonly id: string;
  readonly askedAt: number;
  answeredAt?: number;
  /** The daemon that answered. */
  pid?: number;
  /** Why there is no answer: the name of a connection's error. */
  failure?: string;
}

/** Calls on a unix socket, each on a connection of its own, until `stop`; `finish` waits for the last answers. */
export class CallLoad {
  readonly outcomes: Outcome[] = [];
  readonly #running: Promise<void>[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(socketPath: string, perSecond: number) {
    this.#timer = setInterval(() => this.#running.push(this.#call(socketPath)), 1000 / perSecond);
  }

  async finish(): Promise<Outcome[]> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
    return this.outcomes;
  }

  async #call(socketPath: string): Promise<void> {
    const outcome: Outcome = { id: `call-${this.outcomes.length}`, askedAt: performance.now() };
    this.outcomes.push(outcome);
    await new Promise<void>((resolve) => {
      // Docker does not ask for the end of its connections either.
      const headers = { Connection: 'keep-alive' };
      const call = request({ socketPath, path: '/Plugin.Activate', method: 'POST', headers, agent: false });
      call.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => {
          text += part;
        });
        response.on('end', () => {
          outcome.answeredAt = performance.now();
          outcome.pid = JSON.parse(text).pid;
          resolve();
        });
        response.on('error', (error: NodeJS.ErrnoException) => fail(error));
      });
      const fail = (error: NodeJS.ErrnoException) => {
        outcome.failure = error.code ?? error.message;
        resolve();
      };
      call.on('error', fail);
      call.end('{}');
    });
  }
}

/** One client per port, each asking at its rate; nothing is asked twice. */
export class DatagramLoad {
  readonly #outcomes = new Map<string, Outcome>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #clients: Socket[];

  constructor(ports: readonly number[], perSecond: number) {
    this.#clients = ports.map((port, client) => this.#start(port, client, perSecond));
  }

  /** Waits at most `patienceMs` for the answers that are still missing. */
  async finish(patienceMs = 3000): Promise<Outcome[]> {
    for (const timer of this.#timers) clearInterval(timer);
    const outcomes = [...this.#outcomes.values()];
    const deadline = performance.now() + patienceMs;
    while (outcomes.some((outcome) => !outcome.answeredAt) && performance.now() < deadline) await sleep(20);
    for (const client of this.#clients) client.close();
    return outcomes;
  }

  get outcomes(): Outcome[] {
    return [...this.#outcomes.values()];
  }

  #start(port: number, client: number, perSecond: number): Socket {
    const socket = createSocket('udp4');
    let count = 0;
    socket.on('message', (message) => {
      const [id, pid] = message.toString().split(' ');
      const outcome = this.#outcomes.get(id as string);
      if (outcome) Object.assign(outcome, { answeredAt: performance.now(), pid: Number(pid) });
    });
    socket.on('error', () => undefined);
    const ask = () => {
      count += 1;
      const id = `${client}-${count}`;
      this.#outcomes.set(id, { id, askedAt: performance.now() });
      socket.send(id, port, '127.0.0.1');
    };
    this.#timers.push(setInterval(ask, 1000 / perSecond));
    return socket;
  }
}

export function slowestMs(outcomes: readonly Outcome[]): number {
  return Math.max(0, ...outcomes.map(({ askedAt, answeredAt = askedAt }) => answeredAt - askedAt));
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
