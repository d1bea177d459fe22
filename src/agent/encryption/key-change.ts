import { Sweep } from '../../concurrency/sweep.js';
import { errorMessage, XnetError } from '../../errors.js';
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
  /** The VTEP of this host in encrypted networks may be another. */
  readonly refresh: () => void;
  readonly logger: Logger;
}

const DAY_MS = 86_400_000;
const LIFE_MS = 30 * DAY_MS;
/** The other hosts have taken a step by then: a watch's event, and one run of `wg`. */
const STEP_MS = 10_000;
const RETRY_MS = 5_000;
/** The age of keys is looked at. */
const LOOK_MS = DAY_MS / 4;

/**
 * Changes the key of this host every 30 days, and when it is asked to, without a lost packet: the others know the next key before it
 * is used, and the former one for as long as it may be. A change that broke off goes on at the next start. While the store is away no step is taken.
 */
export class KeyChange extends Sweep {
  readonly #parts: KeyChangeParts;
  #isAsked = false;
  /** Of this process, or its start: as `performance.now`. */
  #steppedAt = performance.now();

  constructor(parts: KeyChangeParts) {
    super({
      look: () => this.#look(),
      retryMs: RETRY_MS,
      leastRetryMs: RETRY_MS,
      onFailure: (error) =>
        parts.logger.warn('the key of this host is not changed yet', { error: errorMessage(error) }),
    });
    this.#parts = parts;
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
    const { keys, port, apply, publish } = this.#parts;
    // What a failure has left undone, or an earlier daemon.
    await publish(keys.published(port));
    const leftMs = STEP_MS - (performance.now() - this.#steppedAt);
    if (keys.all.length > 1 && leftMs > 0) return leftMs;
    const next = nextKeys(keys.all, this.#isAsked, new Date());
    if (!next) return LOOK_MS;
    this.#steppedAt = performance.now();
    this.#isAsked = false;
    await keys.replace(next);
    // The kernel's ways by a device that goes are to be gone before the others forget its key (docs/decisions/0041).
    await apply();
    await publish(keys.published(port));
    this.#parts.refresh();
    this.#parts.logger.info('a step of changing the key of this host', {
      slots: next.map(({ slot }) => slot),
    });
    return next.length > 1 ? STEP_MS : LOOK_MS;
  }
}

/** The next step: another key besides, then that one in use, then the former one gone. Undefined: nothing is to be done. Pure. */
export function nextKeys(
  keys: readonly HostKey[],
  isAsked: boolean,
  now: Date,
): readonly HostKey[] | undefined {
  const [inUse, other] = keys;
  if (!inUse) return undefined;
  if (other) return inUse.madeAt < other.madeAt ? [other, inUse] : [inUse];
  const isDue = isAsked || now.getTime() - Date.parse(inUse.madeAt) >= LIFE_MS;
  return isDue ? [inUse, makeKey(inUse.slot === 0 ? 1 : 0, now)] : undefined;
}
