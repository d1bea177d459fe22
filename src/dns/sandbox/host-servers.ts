/**
 * The host's own name servers (resolv.conf), asked from the host's namespace. For closed containers: what is answered is let through,
 * and in their own namespace they could forge an answer of Docker's resolver (a packet socket and 65,536 ids).
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, isIP, isIPv6 } from 'node:net';
import type { Transport } from '../answers/answer.js';
import { HEADER_BYTES, readQuestion } from '../answers/wire.js';
import { FrameReader, frame } from './tcp-connection.js';

/** As Docker's resolver: three servers, of which each has its time. */
const MOST_SERVERS = 3;
const SERVER_MS = 3_000;
const RESOLV_CONF = '/etc/resolv.conf';
const DNS_PORT = 53;

/** Queries under way at a time, of all containers. Beyond it there is no answer, and the client asks again. */
const MOST_WAITING = 1024;

export interface HostServersOptions {
  readonly resolvConf?: string;
  readonly port?: number;
}

export class HostServers {
  #waiting = 0;

  constructor(private readonly options: HostServersOptions = {}) {}

  /** The first answer that is no failure of the server, with the id of the query; undefined: none came. Never rejects. */
  async ask(query: Buffer, transport: Transport): Promise<Buffer | undefined> {
    if (this.#waiting >= MOST_WAITING) return undefined;
    this.#waiting++;
    try {
      let last: Buffer | undefined;
      for (const server of await this.#servers()) {
        const answer = await this.#askOne(server, query, transport).catch(() => undefined);
        if (!answer) continue;
        query.copy(answer, 0, 0, 2);
        if (!isFailure(answer)) return answer;
        last = answer;
      }
      return last;
    } finally {
      this.#waiting--;
    }
  }

  async #servers(): Promise<string[]> {
    const text = await readFile(this.options.resolvConf ?? RESOLV_CONF, 'utf8').catch(() => '');
    return parseServers(text);
  }

  #askOne(server: string, query: Buffer, transport: Transport): Promise<Buffer | undefined> {
    const message = Buffer.from(query);
    message.writeUInt16BE(randomInt(0x10000), 0);
    const to = { server, port: this.options.port ?? DNS_PORT };
    return transport === 'udp' ? askByUdp(to, message) : askByTcp(to, message);
  }
}

/** Addresses of `nameserver` lines, the first to be asked first. An address of the link has its interface behind a %. Pure. */
export function parseServers(text: string): string[] {
  const found = [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)].map(([, server = '']) => server);
  return found.filter((server) => isIP(server) !== 0).slice(0, MOST_SERVERS);
}

interface Server {
  readonly server: string;
  readonly port: number;
}

/** From a port of its own, connected: nobody else's packets are taken. */
async function askByUdp({ server, port }: Server, message: Buffer): Promise<Buffer | undefined> {
  const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4');
  const signal = AbortSignal.timeout(SERVER_MS);
  try {
    const connected = once(socket, 'connect', { signal });
    socket.connect(port, server);
    await connected;
    socket.send(message);
    for (;;) {
      const [answer] = (await once(socket, 'message', { signal })) as [Buffer];
      if (isAnswerTo(message, answer)) return answer;
    }
  } finally {
    socket.close();
  }
}

async function askByTcp({ server, port }: Server, message: Buffer): Promise<Buffer | undefined> {
  const socket = connect({ host: server, port, signal: AbortSignal.timeout(SERVER_MS) });
  const frames = new FrameReader();
  try {
    socket.write(frame(message));
    for await (const chunk of socket)
      for (const answer of frames.read(chunk as Buffer))
        if (isAnswerTo(message, answer)) return Buffer.from(answer);
    return undefined;
  } finally {
    socket.destroy();
  }
}

/** With its id, and to its question: letters as they were asked, which a stranger would have to guess as well. */
function isAnswerTo(message: Buffer, answer: Buffer): boolean {
  if (answer.length < HEADER_BYTES || answer.readUInt16BE(0) !== message.readUInt16BE(0)) return false;
  const [asked, repeated] = [readQuestion(message), readQuestion(answer)];
  return asked !== undefined && repeated !== undefined && asked.bytes.equals(repeated.bytes);
}

const SERVFAIL = 2;
const REFUSED = 5;

/** Another server may know. */
function isFailure(answer: Buffer): boolean {
  return [SERVFAIL, REFUSED].includes(answer.readUInt16BE(2) & 0xf);
}
