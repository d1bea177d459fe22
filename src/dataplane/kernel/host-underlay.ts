import type { Underlay } from '../dataplane.js';
import type { Iproute2 } from '../iproute2/iproute2.js';
import { checkKernel } from './kernel-support.js';
import { chooseUnderlay, followUnderlay, readHostInterfaces } from './underlay.js';

/** The underlay that this host has, once it was looked for. */
export class HostUnderlay {
  #current: Underlay | undefined;

  /** `wanted`: interface name or address; default: the interface of the default route. */
  constructor(
    private readonly iproute2: Iproute2,
    private readonly wanted: string | undefined,
  ) {}

  get current(): Underlay | undefined {
    return this.#current;
  }

  /** As Dataplane.findUnderlay. */
  async find(): Promise<Underlay> {
    const underlay = chooseUnderlay(this.wanted, await readHostInterfaces(this.iproute2));
    await checkKernel(this.iproute2);
    this.#current = underlay;
    return underlay;
  }

  /** As Dataplane.followUnderlay. */
  async follow(): Promise<Underlay> {
    const current = this.#current ?? (await this.find());
    this.#current = followUnderlay(this.wanted, current, await readHostInterfaces(this.iproute2));
    return this.#current;
  }
}
