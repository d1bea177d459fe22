import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import type { Logger } from '../../observability/logger.js';

export interface AddressWatchParts {
  readonly local: Pick<LocalNetworks, 'listNetworks' | 'listAllEndpoints'>;
  /** What the containers of this host have by hand, and is another's; for people. */
  readonly find: () => Promise<readonly string[]>;
  readonly logger: Logger;
}

/** While there are problems; and the shortest pause, however often a container changes its addresses. */
const AGAIN_MS = 5_000;
/** After the start, when it is known in which containers the endpoints are. */
const FIRST_MS = 10_000;

/**
 * Finds addresses that somebody sets by hand in a container and that are another's: soon after the start, after the kernel has reported
 * one that this host has not given, and again and again until they are gone. Else nothing is looked at.
 */
export class AddressWatch extends Sweep {
  readonly #parts: AddressWatchParts;
  #problems: readonly string[] = [];
  #isBegun = false;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: AddressWatchParts) {
    super({
      look: () => this.#look(),
      retryMs: AGAIN_MS,
      onFailure: (error) =>
        parts.logger.debug('cannot look at addresses of containers', { error: errorMessage(error) }),
    });
    this.#parts = parts;
  }

  /** For `xnet status`. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  /** A container has got the address. */
  note(address: string): void {
    if (!this.#isStrange(address)) return;
    const passedMs = performance.now() - this.#lookedMs;
    if (passedMs >= AGAIN_MS) this.suspect();
    else this.hintLater(AGAIN_MS - passedMs);
  }

  async #look(): Promise<number> {
    if (!this.#isBegun) {
      this.#isBegun = true;
      return FIRST_MS;
    }
    this.#lookedMs = performance.now();
    this.#problems = await this.#parts.find();
    return this.#problems.length > 0 ? AGAIN_MS : NEVER_MS;
  }

  /**
   * It is of a network that has endpoints here, and none of them was given it. Each container that starts gets an address of
   * docker_gwbridge, too: for it, networks without endpoints, which may be a thousand, are not looked at.
   */
  #isStrange(address: string): boolean {
    const { local } = this.#parts;
    const endpoints = local.listAllEndpoints();
    if (endpoints.some(({ addresses }) => addresses.includes(address))) return false;
    const used = new Set(endpoints.map(({ networkId }) => networkId));
    const plain = IpAddress.parse(address);
    return local
      .listNetworks()
      .filter(({ record }) => used.has(record.id))
      .some(({ record }) => record.pools.some(({ subnet }) => Prefix.parse(subnet).contains(plain)));
  }
}
