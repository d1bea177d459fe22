import { keys } from '../../model/keys.js';
import type { LanQuestions } from './lan-questions.js';

/**
 * How long an answer counts. Some more than the pause between two looks at a reserve (DeviceWatch), so that an address from it is given out
 * without a question. A device needs about as long from being switched on to the use of its address.
 */
const FRESH_MS = 90_000;
/** How long it is remembered at all: an address that is set aside is asked for so often. */
const KEPT_MS = 600_000;

export interface Device {
  readonly mac: string;
  /** Of this host, on the LAN. */
  readonly interface: string;
}

/** As LanQuestions.whoHas. */
export interface Asking {
  readonly waitMs: number;
  readonly isForStart: boolean;
}

interface Asked {
  readonly atMs: number;
  /** Who has answered. */
  readonly device?: Device;
}

/** What this host has asked LANs, and what they answered: in memory alone. */
export class AskedAddresses {
  /** By the key of the address. */
  readonly #asked = new Map<string, Asked>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(private readonly lan: LanQuestions) {}

  /** Asks for all that are not being asked for already, and waits for all answers. Never rejects. */
  async ask(poolKey: string, addresses: readonly string[], how: Asking): Promise<void> {
    const underWay = addresses.flatMap((address) => this.#asking.get(keys.address(poolKey, address)) ?? []);
    const wanted = addresses.filter((address) => !this.#asking.has(keys.address(poolKey, address)));
    if (wanted.length > 0) underWay.push(this.#ask(poolKey, wanted, how));
    await Promise.all(underWay);
  }

  /** The device that has answered for the address with this key. */
  deviceOf(addressKey: string): Device | undefined {
    return this.#asked.get(addressKey)?.device;
  }

  isFresh(addressKey: string): boolean {
    const { atMs } = this.#asked.get(addressKey) ?? {};
    return atMs !== undefined && performance.now() < atMs + FRESH_MS;
  }

  /** It has been asked for within the last ten minutes. */
  isKnown(addressKey: string): boolean {
    return this.#asked.has(addressKey);
  }

  /** To be called now and then. */
  forgetOld(): void {
    const oldestMs = performance.now() - KEPT_MS;
    for (const [key, { atMs }] of this.#asked) if (atMs < oldestMs) this.#asked.delete(key);
  }

  #ask(poolKey: string, addresses: readonly string[], how: Asking): Promise<void> {
    const addressKeys = addresses.map((address) => keys.address(poolKey, address));
    const asking = this.#note(poolKey, addresses, how).finally(() => {
      for (const key of addressKeys) this.#asking.delete(key);
    });
    for (const key of addressKeys) this.#asking.set(key, asking);
    return asking;
  }

  async #note(poolKey: string, addresses: readonly string[], how: Asking): Promise<void> {
    const answers = await this.lan.whoHas(poolKey, addresses, how.waitMs, how.isForStart);
    for (const address of addresses) {
      const key = keys.address(poolKey, address);
      const mac = answers?.devices.get(address);
      const device = answers && mac !== undefined && { mac, interface: answers.interface };
      if (answers) this.#asked.set(key, { atMs: performance.now(), ...(device && { device }) });
      else this.#asked.delete(key);
    }
  }
}
