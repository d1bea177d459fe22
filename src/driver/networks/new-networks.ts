/** Networks that users of this host have created a moment ago, until it is known whether they keep their name. */
import { sleepRunning } from '../../concurrency/deadline.js';
import { XnetError } from '../../errors.js';

/** The longest that the first container of a new network waits, in ms: the mirror may be unable to decide. */
const DECISION_MS = 2_000;

interface Undecided {
  /** Undefined: the network stays. */
  readonly refusal: Promise<string | undefined>;
  readonly decide: (refusal?: string) => void;
}

/**
 * Docker does not send a network's name to a driver. The mirror reads it from Docker's API, and may find that another
 * host created a network of that name first. It can replace this one by that one only while no container is in it.
 */
export class NewNetworks {
  readonly #undecided = new Map<string, Undecided>();

  constructor(private readonly decisionMs = DECISION_MS) {}

  add(dockerNetworkId: string): void {
    let decide: Undecided['decide'] = () => undefined;
    const refusal = new Promise<string | undefined>((resolve) => {
      decide = resolve;
    });
    this.#undecided.set(dockerNetworkId, { refusal, decide });
  }

  /**
   * The network stays, or containers are to use it all the same. Idempotent. This and the others do nothing for an
   * unknown network.
   */
  accept(dockerNetworkId: string): void {
    this.#undecided.get(dockerNetworkId)?.decide();
    this.#undecided.delete(dockerNetworkId);
  }

  /** Another network is to replace it: until `accept`, containers are refused with `reason`. */
  refuse(dockerNetworkId: string, reason: string): void {
    this.#undecided.get(dockerNetworkId)?.decide(reason);
  }

  /** Resolves when a container may use the network, after `decisionMs` at the latest. Throws IN_USE while it is refused. */
  async accepted(dockerNetworkId: string): Promise<void> {
    const network = this.#undecided.get(dockerNetworkId);
    if (!network) return;
    const waited = new AbortController();
    const late = sleepRunning(this.decisionMs, waited.signal).then(() => undefined);
    const reason = await Promise.race([network.refusal, late]);
    waited.abort();
    if (reason !== undefined) throw new XnetError('IN_USE', reason);
    this.accept(dockerNetworkId);
  }
}
