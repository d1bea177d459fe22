/**
 * A network whose containers are on a LAN that is there already: each has a macvlan or ipvlan child of an interface of the host.
 *
 * A child is made in the host's namespace; libnetwork moves it into the container, and back when it leaves, where `detach` finds it.
 * The children of an ipvlan have the MAC of the parent, which the kernel does not let them change: CreateEndpoint must answer no MAC
 * then, since libnetwork would set it. Remote endpoints are on the wire, and need no entries. In the ipvlan modes l3 and l3s there is
 * no broadcast and no ARP, so that any gateway of the subnet does; the LAN's routers and other hosts need routes to the containers by
 * this host.
 *
 * A network without a parent has a veth pair in a namespace of its own, whose one end is the parent: a dummy device, as Docker uses,
 * is not in every kernel.
 */
import { XnetError } from '../../errors.js';
import { type Change, repairsOf } from '../changes.js';
import type {
  EndpointSpec,
  ForwardingChange,
  LocalEndpoint,
  NetworkCheck,
  NetworkSpec,
  Repair,
} from '../dataplane.js';
import type { KernelNetwork } from '../kernel-network.js';
import type { LanSpec } from '../modes.js';
import { HostReach } from './host/host-reach.js';
import { LanChildren } from './lan-children.js';
import { LanDevices, type LanHost } from './lan-devices.js';

/** What was done last to it is remembered, and forgotten whenever it may no longer be true. */
export class LanNetwork implements KernelNetwork {
  readonly #devices: LanDevices;
  readonly #children: LanChildren;
  readonly #reach: HostReach;
  /** Undefined: it is not known to be there. */
  #spec: NetworkSpec | undefined;

  constructor(
    private readonly id: string,
    host: LanHost,
  ) {
    this.#devices = new LanDevices(id, host);
    this.#children = new LanChildren(id, host);
    this.#reach = new HostReach(id, host);
  }

  isLike({ mtu, mode }: NetworkSpec): boolean {
    const spec = this.#spec;
    return spec?.mtu === mtu && JSON.stringify(spec.mode) === JSON.stringify(mode);
  }

  hasAttached(network: NetworkSpec, { id }: EndpointSpec): boolean {
    return this.isLike(network) && this.#children.has(id);
  }

  async ensure(spec: NetworkSpec): Promise<void> {
    this.#spec = undefined;
    await this.#ensure(spec);
    this.#spec = spec;
  }

  async remove(): Promise<void> {
    await this.#devices.remove();
  }

  async attach(network: NetworkSpec, endpoints: readonly EndpointSpec[]): Promise<void> {
    const segment = await this.#devices.find(network, lanOf(network));
    if (!segment) throw new XnetError('NOT_FOUND', `network ${this.id} was taken apart`);
    await this.#children.attach(segment, endpoints);
    await this.#reach.attach(segment, endpoints);
  }

  forgetPort(name: string): void {
    this.#children.forget(name);
  }

  async detach(interfaceNames: readonly string[]): Promise<void> {
    await this.#reach.detach(interfaceNames);
    await this.#children.detach(interfaceNames);
  }

  async setForwarding(): Promise<ForwardingChange> {
    return { added: 0, removed: 0, left: 0 };
  }

  /** They are learned as the network is repaired, which finds where all children are. */
  async learnNames(): Promise<boolean> {
    return false;
  }

  async repair(endpoints: readonly LocalEndpoint[]): Promise<NetworkCheck> {
    const spec = this.#spec;
    const repairs: Repair[] = [];
    if (!spec) return { repairs, strangers: [], size: 0 };
    const note = (changes: readonly Change[]) => void repairs.push(...repairsOf(changes));
    try {
      const { segment, changes } = await this.#ensure(spec, note);
      const children = await this.#children.repair(segment, endpoints);
      const routes = await this.#reach.repair(segment, endpoints);
      // What only hung on something that was made anew is not noted.
      const isAnew = changes.some(({ was }) => was === 'missing');
      if (!isAnew) note([...children.changes, ...(isOfHost(repairs) ? [] : routes)]);
      const { strangers, failure } = children;
      return { repairs, strangers, size: 0, ...(failure !== undefined && { failure }) };
    } catch (failure: unknown) {
      return { repairs, strangers: [], size: 0, failure };
    }
  }

  async #ensure(spec: NetworkSpec, note: (changes: readonly Change[]) => void = () => {}) {
    const ensured = await this.#devices.ensure(spec, lanOf(spec), () => this.#children.isInUse);
    note(ensured.changes);
    const ofHost = await this.#reach.ensure(ensured.segment);
    if (ensured.changes.length === 0) note(ofHost);
    return ensured;
  }
}

function isOfHost(repairs: readonly Repair[]): boolean {
  return repairs.some(({ kind }) => kind === 'host-interface');
}

function lanOf({ id, mode }: NetworkSpec): LanSpec {
  if (mode?.kind === 'macvlan' || mode?.kind === 'ipvlan') return mode;
  throw new XnetError('INTERNAL', `network ${id} is none on a LAN`);
}
