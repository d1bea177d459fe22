import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import { errorMessage } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';

/** An address that a container of this host has on a LAN. */
export interface AddressOnLan {
  readonly poolKey: string;
  readonly address: string;
  readonly container: string;
  readonly network: string;
}

export interface DeviceWatchParts {
  readonly isAnyLan: () => boolean;
  /** Of this host. */
  readonly addresses: () => readonly AddressOnLan[];
  /** As LanQuestions.whoHas of the IPAM. */
  readonly whoHas: (
    poolKey: string,
    addresses: readonly string[],
    waitMs: number,
  ) => Promise<{ readonly interface: string; readonly devices: ReadonlyMap<string, string> } | undefined>;
  /** Asks again for what no container has: the IPAM's reserve, and what is set aside. */
  readonly lookAgain: () => Promise<void>;
  readonly logger: Logger;
}

/** A device that is switched on needs as long until it uses its address; a frame for each address then costs the LAN nothing. */
const LOOK_MS = 60_000;
/** While a device has the address of a container. */
const AGAIN_MS = 10_000;
/** What a device takes to answer that sleeps on a radio. */
const WAIT_MS = 300;

/**
 * Finds devices on LANs that use addresses of this host's containers, since they were switched on later, for instance. Each address
 * is asked for once a minute; without a network on a LAN nothing is done.
 */
export class DeviceWatch extends Sweep {
  readonly #parts: DeviceWatchParts;
  #problems: readonly string[] = [];

  constructor(parts: DeviceWatchParts) {
    super({
      look: () => this.#look(),
      retryMs: LOOK_MS,
      leastRetryMs: AGAIN_MS,
      onFailure: (error) => parts.logger.debug('cannot ask LANs', { error: errorMessage(error) }),
    });
    this.#parts = parts;
  }

  /** For `xnet status`. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  async #look(): Promise<number> {
    const { isAnyLan, addresses, lookAgain } = this.#parts;
    const grouped = new Map<string, AddressOnLan[]>();
    if (!isAnyLan()) {
      this.#problems = [];
      return NEVER_MS;
    }
    for (const each of addresses()) grouped.set(each.poolKey, [...(grouped.get(each.poolKey) ?? []), each]);
    const found = await Promise.all([...grouped].map(([poolKey, group]) => this.#ask(poolKey, group)));
    this.#problems = found.flat();
    await lookAgain();
    return this.#problems.length > 0 ? AGAIN_MS : LOOK_MS;
  }

  /** Twice: a container that had the address a moment ago, on another host, answers until its interface is gone. */
  async #ask(poolKey: string, group: readonly AddressOnLan[]): Promise<string[]> {
    const { whoHas } = this.#parts;
    const first = await whoHas(poolKey, texts(group), WAIT_MS);
    const suspects = group.filter(({ address }) => first?.devices.has(address));
    if (suspects.length === 0) return [];
    const second = await whoHas(poolKey, texts(suspects), WAIT_MS);
    return suspects.flatMap((each) => {
      const mac = second?.devices.get(each.address);
      return second && mac !== undefined ? [problem(each, mac, second.interface)] : [];
    });
  }
}

function texts(group: readonly AddressOnLan[]): string[] {
  return group.map(({ address }) => address);
}

function problem({ address, container, network }: AddressOnLan, mac: string, lan: string): string {
  return `network ${network}: address ${address} of container ${container} is also used by a device with MAC ${mac} on LAN ${lan}, and packets go to either; give the device another address, or switch it off, or make the container anew with another address`;
}
