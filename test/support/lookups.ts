/** Single look-ups from a container. They cost nothing, so that bounds can be measured with them: a `docker exec` takes 0.3 s. */
import type { Socket } from 'node:dgram';
import { decode, encode } from 'dns-packet';
import type { Container } from './containers.js';
import { socketIn } from './lookup-load.js';
import { eventually } from './netns.js';

/** What the resolver has not answered after so long, it is asked again by those who wait for it. */
const ANSWER_MS = 500;

export class Lookups implements Disposable {
  readonly #waiting = new Map<number, (addresses: string[]) => void>();
  #nextId = 1;

  private constructor(
    private readonly name: string,
    private readonly socket: Socket,
  ) {
    socket.on('message', (message) => {
      const { id = 0, answers = [] } = decode(message);
      this.#waiting.get(id)?.(answers.flatMap((answer) => (answer.type === 'A' ? [answer.data] : [])));
    });
  }

  /** As long as the container runs: started again, it has another namespace. */
  static async from(container: Container): Promise<Lookups> {
    return new Lookups(container.name, await socketIn(container));
  }

  /** IPv4 addresses in the answer's order; undefined when no answer came in time. */
  async ask(name: string): Promise<string[] | undefined> {
    const id = this.#nextId++ & 0xffff;
    const query = encode({ type: 'query', id, flags: 0x100, questions: [{ type: 'A', name }] });
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve) => {
        this.#waiting.set(id, resolve);
        timer = setTimeout(() => resolve(undefined), ANSWER_MS);
        this.socket.send(query, 53, '127.0.0.11', () => undefined);
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Resolves when the name has exactly these addresses, in whatever order; throws after `timeoutMs`. */
  async finds(name: string, addresses: readonly string[], timeoutMs?: number): Promise<void> {
    const expected = [...addresses].sort().join();
    const isSo = async () => (await this.ask(name))?.sort().join() === expected;
    await eventually(`${this.name} finds ${expected || 'nothing'} at ${name}`, isSo, timeoutMs);
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }
}
