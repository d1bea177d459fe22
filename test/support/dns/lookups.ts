/** Single look-ups from a container. They cost nothing, so that bounds can be measured with them: a `docker exec` takes 0.3 s. */

import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode } from 'dns-packet';
import { openForwardUdp } from '../../../src/native/socket-sandbox.js';
import type { Container } from '../containers/containers.js';
import { eventually } from '../time/eventually.js';
import { findSandbox, openSocketIn, socketOf } from './lookup-load.js';

/** What the resolver has not answered after so long, it is asked again by those who wait for it. */
const ANSWER_MS = 500;

export class Lookups {
  private constructor(
    private readonly name: string,
    private readonly sandbox: string,
  ) {}

  /** As long as the container runs: started again, it has another network namespace. */
  static async from(container: Container): Promise<Lookups> {
    return new Lookups(container.name, await findSandbox(container));
  }

  /** From the network namespace at `sandbox`, a container's of that name. */
  static at(name: string, sandbox: string): Lookups {
    return new Lookups(name, sandbox);
  }

  /** IPv4 addresses in the answer's order; undefined when none came in time. From a socket of its own, as libc asks. */
  async ask(name: string): Promise<string[] | undefined> {
    return askFrom(await openSocketIn(this.sandbox), name);
  }

  /** The same of Docker's own resolver, as if xnet had none. */
  async askDocker(name: string): Promise<string[] | undefined> {
    return askFrom(await socketOf(openForwardUdp(this.sandbox)), name);
  }

  /** Resolves when the name has exactly these addresses, in whatever order; throws after `timeoutMs`. */
  async finds(name: string, addresses: readonly string[], timeoutMs?: number): Promise<void> {
    const expected = [...addresses].sort().join();
    const isSo = async () => (await this.ask(name))?.sort().join() === expected;
    const what = `${this.name} finds ${expected || 'nothing'} at ${name}`;
    await eventually(what, isSo, timeoutMs);
  }
  /** The same of Docker's own resolver. */
  async dockerFinds(name: string, addresses: readonly string[], timeoutMs?: number): Promise<void> {
    const expected = [...addresses].sort().join();
    const isSo = async () => (await this.askDocker(name))?.sort().join() === expected;
    const what = `Docker's resolver of ${this.name} finds ${expected || 'nothing'} at ${name}`;
    await eventually(what, isSo, timeoutMs);
  }
}

async function askFrom(socket: Socket, name: string): Promise<string[] | undefined> {
  try {
    const query = encode({ type: 'query', id: 1, flags: 0x100, questions: [{ type: 'A', name }] });
    const answer = once(socket, 'message', { signal: AbortSignal.timeout(ANSWER_MS) });
    socket.send(query, 53, '127.0.0.11', () => undefined);
    const [message] = (await answer.catch(() => [])) as [Buffer?];
    const answers = message && (decode(message).answers ?? []);
    return answers?.flatMap((record) => (record.type === 'A' ? [record.data] : []));
  } finally {
    socket.close();
  }
}
