/** Containers that greet each other by name, at no cost: a `docker exec` takes 0.3 s, and bounds are measured with this. */
import { once } from 'node:events';
import { availableParallelism, loadavg } from 'node:os';
import { type Container, GREETING_PORT } from '../containers/containers.js';
import { findSandboxes, openSocketIn } from '../dns/lookup-load.js';
import { Lookups } from '../dns/lookups.js';

/**
 * What was not answered after so long is asked again by those who wait for it; longer where more programs want to run than there
 * are processors, or many that greet each other at once would all be late, each time.
 */
const ANSWER_MS = 1000;
const answerMs = () => ANSWER_MS * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());

export class Greeter {
  private constructor(
    readonly name: string,
    private readonly sandbox: string,
    private readonly lookups: Lookups,
  ) {}

  /** Of one host. As long as the containers run: started again, one has another network namespace. */
  static async all(containers: readonly Container[]): Promise<Greeter[]> {
    const sandboxes = await findSandboxes(containers);
    return containers.map(({ name }, index) => {
      const sandbox = sandboxes[index] as string;
      return new Greeter(name, sandbox, Lookups.at(name, sandbox));
    });
  }

  /** Which of the others are not found by their name, or do not answer with it, and why: `one to two: not found`. */
  async ungreeted(others: readonly { readonly name: string }[]): Promise<string[]> {
    const failures = await Promise.all(others.map(({ name }) => this.#greet(name)));
    return others.flatMap(({ name }, index) => {
      const failure = failures[index];
      return failure === undefined ? [] : `${this.name} to ${name}: ${failure}`;
    });
  }

  /** Undefined: the name's container answered. */
  async #greet(name: string): Promise<string | undefined> {
    const [address] = (await this.lookups.ask(name)) ?? [];
    if (address === undefined) return 'not found';
    const socket = await openSocketIn(this.sandbox);
    try {
      const answer = once(socket, 'message', { signal: AbortSignal.timeout(answerMs()) });
      socket.send('hello\n', GREETING_PORT, address, () => undefined);
      const [message] = (await answer.catch(() => [])) as [Buffer?];
      const greeting = message?.toString().trim();
      return greeting === name ? undefined : `${address} answers ${greeting ?? 'nothing'}`;
    } finally {
      socket.close();
    }
  }
}
