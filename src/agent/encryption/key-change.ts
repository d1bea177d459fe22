import { Sweep } from '../../concurrency/sweep.js';
import { errorMessage, XnetError } from '../../errors.js';
import type { Slot } from '../../inet/encrypted-vtep.js';
import type { EncryptionKey } from '../../model/host.js';
import type { Logger } from '../../observability/logger.js';
import { type EncryptionKeys, type HostKey, makeKey } from './encryption-keys.js';

export interface KeyChangeParts {
  readonly keys: EncryptionKeys;
  /** UDP port of the first slot. */
  readonly port: number;
  /** The devices of this host have its keys as they are now, when this resolves. */
  readonly apply: () => Promise<void>;
  /** The others get to know of them. Throws the store's errors. */
  readonly publish: (keys: readonly EncryptionKey[]) => Promise<void>;
  /** No network that this host knows uses the VTEP of this slot any more. Throws what a look at the kernel does. */
  readonly isMoved: (former: Slot) => Promise<boolean>;
  /** The VTEP of this host in encrypted networks may be another. */
  readonly refresh: () => void;
  readonly logger: Logger;
}

const DAY_MS = 86_400_000;
const LIFE_MS = 30 * DAY_MS;
/** The other hosts have taken a step by then: a watch's event, and one run of `wg`. */
const STEP_MS = 10_000;
const RETRY_MS = 5_000;
/** A network mostly has the other VTEP within a second. */
const AGAIN_MS = 1_000;
/** A change whose device could not be made is begun anew after this. */
const ANEW_MS = 60_000;
/** The age of keys is looked at. */
const LOOK_MS = DAY_MS / 4;

/**
 * Changes the key of this host every 30 days, and when it is asked to, without a lost packet: the others know the next key before it
 * is used, and the former one for as long as it may be. A change that broke off goes on at the next start. While the store is away, or
 * the devices are not as the keys want them, no step is taken; a next key whose device cannot be made is given up.
 */
export class KeyChange extends Sweep {
  readonly #parts: KeyChangeParts;
  #isAsked = false;
  /** Devices and other hosts have had the keys as they are since then, as `performance.now`; undefined: not certainly. */
  #settledAt: number | undefined;
  /** When a next key was, as `performance.now`. */
  #givenUpAt: number | undefined;
  /** The keys were changed, and the devices may not have them. */
  #isToApply = false;
  /** Which this host's VTEP in encrypted networks is of, as the networks have it. */
  #slotInUse: Slot | undefined;

  constructor(parts: KeyChangeParts) {
    super({
      look: () => this.#look(),
      retryMs: RETRY_MS,
      leastRetryMs: RETRY_MS,
      onFailure: (error) =>
        parts.logger.warn('the key of this host is not changed yet', { error: errorMessage(error) }),
    });
    this.#parts = parts;
    this.#slotInUse = parts.keys.all[0]?.slot;
  }

  /** Begins a change; it takes some 20 s. Throws IN_USE while another one is under way. */
  ask(): void {
    if (this.#isAsked || this.#parts.keys.all.length > 1)
      throw new XnetError(
        'IN_USE',
        'the key of this host is being changed already; that takes some 20 seconds',
      );
    this.#isAsked = true;
    this.hint();
  }

  async #look(): Promise<number> {
    const { keys, isMoved, logger } = this.#parts;
    // What a failure has left undone, or an earlier daemon.
    await this.#settle();
    if (keys.all.length > 1) this.#isAsked = false;
    const leftMs = STEP_MS - msSince(this.#settledAt);
    if (keys.all.length > 1 && leftMs > 0) return leftMs;
    const [, other] = keys.all;
    if (other?.isFormer && !(await isMoved(other.slot))) return AGAIN_MS;
    const next = nextKeys(keys.all, this.#isAsked, new Date());
    if (!next) return LOOK_MS;
    const restMs = ANEW_MS - msSince(this.#givenUpAt);
    if (restMs > 0) return restMs;
    await this.#replace(next);
    await this.#settle();
    logger.info('a step of changing the key of this host', { slots: next.map(({ slot }) => slot) });
    return next.length > 1 ? STEP_MS : LOOK_MS;
  }

  async #replace(next: readonly HostKey[]): Promise<void> {
    this.#settledAt = undefined;
    this.#isToApply = true;
    await this.#parts.keys.replace(next);
  }

  /** The devices have the keys, then the others, then the networks the one in use. Throws what keeps them from that. */
  async #settle(): Promise<void> {
    const { keys, port, publish, refresh } = this.#parts;
    if (this.#isToApply || keys.all.length > 1) await this.#apply();
    await publish(keys.published(port));
    this.#settledAt ??= performance.now();
    const slot = keys.all[0]?.slot;
    if (slot !== this.#slotInUse) refresh();
    this.#slotInUse = slot;
  }

  /** The kernel's ways by a device that goes are to be gone before the others forget its key (docs/decisions/0041). */
  async #apply(): Promise<void> {
    try {
      await this.#parts.apply();
      this.#isToApply = false;
    } catch (error: unknown) {
      const [inUse, other] = this.#parts.keys.all;
      if (inUse && other && !other.isFormer) {
        this.#givenUpAt = performance.now();
        await this.#replace([inUse]);
      }
      throw error;
    }
  }
}

function msSince(at = -Infinity): number {
  return performance.now() - at;
}

/** The next step: another key besides, then that one in use, then the former one gone. Undefined: nothing is to be done. Pure. */
export function nextKeys(
  keys: readonly HostKey[],
  isAsked: boolean,
  now: Date,
): readonly HostKey[] | undefined {
  const [inUse, other] = keys;
  if (!inUse) return undefined;
  if (other) return other.isFormer ? [inUse] : [other, { ...inUse, isFormer: true }];
  const isDue = isAsked || now.getTime() - Date.parse(inUse.madeAt) >= LIFE_MS;
  return isDue ? [inUse, makeKey(inUse.slot === 0 ? 1 : 0, now)] : undefined;
}
