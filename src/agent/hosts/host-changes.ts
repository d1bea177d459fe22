import { hostname } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { Sweep } from '../../concurrency/sweep.js';
import type { Dataplane, Underlay } from '../../dataplane/dataplane.js';
import { errorMessage, XnetError } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';
import type { HostRegistration } from './host-registration.js';

export interface HostChangesParts {
  /** As it was found at the start, and registered. */
  readonly underlay: Underlay;
  readonly name: string;
  readonly dataplane: Pick<Dataplane, 'followUnderlay'>;
  readonly registration: Pick<HostRegistration, 'change'>;
  /** To the store: connections from the former address are dead. */
  readonly reconnect: () => void;
  /** The networks of this host are to have the underlay's address, MTU, and MAC. */
  readonly refresh: () => void;
  readonly logger: Logger;
}

/** The kernel has no event for a new host name, so it is polled; that starts no program. */
const EVERY_MS = 2_000;

/**
 * Follows what of this host may change while xnet runs: underlay address, interface, its MTU and MAC (by the kernel's events, and
 * again and again while the address is gone), and its name. The others know within 5 s, as soon as the store is there.
 */
export class HostChanges extends Sweep {
  readonly #parts: HostChangesParts;
  #underlay: Underlay;
  /** As the cluster has them. */
  #published: { readonly name: string; readonly vtep: string };
  /** The underlay may not be what it was: suspected, and not looked at yet. */
  #isDoubtful = false;
  #onChange: () => void = () => undefined;

  constructor(parts: HostChangesParts) {
    super({
      look: (isSuspected) => this.#followChanges(isSuspected).then(() => EVERY_MS),
      retryMs: EVERY_MS,
      onFailure: (error) => parts.logger.warn(errorMessage(error)),
    });
    this.#parts = parts;
    this.#underlay = parts.underlay;
    this.#published = { name: parts.name, vtep: parts.underlay.vtep };
  }

  get underlay(): Underlay {
    return this.#underlay;
  }

  /** Calls `listener`, one at most, when the underlay is another, or has another MTU or MAC. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** For `xnet status`. */
  get problems(): readonly string[] {
    return this.failure === undefined ? [] : [errorMessage(this.failure)];
  }

  async #followChanges(isSuspected: boolean): Promise<void> {
    this.#isDoubtful ||= isSuspected;
    if (this.#isDoubtful) await this.#followUnderlay();
    await this.#publish();
  }

  async #followUnderlay(): Promise<void> {
    const { dataplane, reconnect, refresh, logger } = this.#parts;
    const before = this.#underlay;
    this.#underlay = await dataplane.followUnderlay();
    this.#isDoubtful = false;
    if (isDeepStrictEqual(this.#underlay, before)) return;
    const { vtep } = this.#underlay;
    logger.warn('the underlay of this host has changed', { from: before, to: this.#underlay });
    if (vtep !== before.vtep) reconnect();
    refresh();
    this.#onChange();
  }

  async #publish(): Promise<void> {
    const { registration, logger } = this.#parts;
    const now = { name: hostname(), vtep: this.#underlay.vtep };
    const before = this.#published;
    if (now.name === before.name && now.vtep === before.vtep) return;
    await registration.change(now).catch((error: unknown) => {
      throw new XnetError(
        'STORE_UNAVAILABLE',
        `the other hosts do not know yet that this host is ${now.name} (${now.vtep}) now: ${errorMessage(error)}`,
      );
    });
    this.#published = now;
    logger.info('the others know of the change', { from: before, to: now });
  }
}
