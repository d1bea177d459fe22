/** What dockerd asks of xnet in swarm mode, call for call (Docker 28.5), without a dockerd. */
import { randomBytes } from 'node:crypto';
import type { TestDaemon } from '../daemon/daemon.js';

const GATEWAY = { RequestAddressType: 'com.docker.network.gateway' };
const SERIAL = { 'com.docker.network.ipam.serial': 'true' };

/** A network as swarm's managers keep it. */
export interface SwarmNetwork {
  readonly id: string;
  readonly subnet: string;
  readonly gateway: string;
  /** `-o`. */
  readonly options: Readonly<Record<string, string>>;
  /** What AllocateNetwork answered: all that nodes get. */
  readonly state: Readonly<Record<string, string>>;
}

export interface Task {
  readonly network: SwarmNetwork;
  readonly address: string;
  readonly endpointId: string;
}

/** 25 letters and digits, as swarmkit makes them. */
export function newSwarmId(): string {
  return BigInt(`0x${randomBytes(17).toString('hex')}`)
    .toString(36)
    .padStart(25, '0')
    .slice(-25);
}

class Caller {
  constructor(private readonly daemon: TestDaemon) {}

  async call(method: string, body: object): Promise<Record<string, string>> {
    return (await this.daemon.ok(method, body)) as Record<string, string>;
  }
}

/** dockerd as the leader of swarm's managers. */
export class Leader extends Caller {
  /** Pool of each network, by the network's id: in the memory of one leader. */
  readonly pools = new Map<string, string>();

  /** `docker network create` on a manager, with the roll-back when it fails. */
  async createNetwork(
    options: Record<string, string> = {},
    subnet = '',
    id = newSwarmId(),
  ): Promise<SwarmNetwork> {
    const pool = await this.#requestPool(subnet);
    const gateway = await this.#requestGateway(pool.PoolID ?? '', '');
    const asked = { id, subnet: pool.Pool ?? '', gateway, options };
    try {
      const state = await this.#allocate(asked, options);
      this.pools.set(id, pool.PoolID ?? '');
      return { ...asked, state };
    } catch (error: unknown) {
      await this.#releasePool(pool.PoolID ?? '', gateway);
      throw error;
    }
  }

  /** What a manager that becomes the leader does, for what the one before it has left in swarm's own store. */
  async takeOver(network: SwarmNetwork, addresses: readonly string[]): Promise<SwarmNetwork> {
    const { PoolID = '' } = await this.#requestPool(network.subnet);
    const gateway = await this.#requestGateway(PoolID, network.gateway.replace(/\/.*/, ''));
    const state = await this.#allocate(network, { ...network.options, ...network.state });
    this.pools.set(network.id, PoolID);
    for (const address of addresses) await this.give(network, address);
    return { ...network, gateway, state };
  }

  /** An address for a task or a virtual IP, without prefix length. */
  async give(network: SwarmNetwork, address = ''): Promise<string> {
    const request = { PoolID: this.#poolOf(network), Address: address, Options: SERIAL };
    const { Address = '' } = await this.call('IpamDriver.RequestAddress', request);
    return Address.replace(/\/.*/, '');
  }

  async takeBack(network: SwarmNetwork, address: string): Promise<void> {
    await this.call('IpamDriver.ReleaseAddress', { PoolID: this.#poolOf(network), Address: address });
  }

  async removeNetwork(network: SwarmNetwork): Promise<void> {
    await this.call('NetworkDriver.FreeNetwork', { NetworkID: network.id });
    await this.#releasePool(this.#poolOf(network), network.gateway);
  }

  #poolOf({ id }: SwarmNetwork): string {
    return this.pools.get(id) ?? '';
  }

  #requestPool(subnet: string): Promise<Record<string, string>> {
    const request = { AddressSpace: 'xnet-global', Pool: subnet, SubPool: '', Options: null, V6: false };
    return this.call('IpamDriver.RequestPool', request);
  }

  async #requestGateway(PoolID: string, Address: string): Promise<string> {
    const request = { PoolID, Address, Options: { ...GATEWAY, ...SERIAL } };
    return (await this.call('IpamDriver.RequestAddress', request)).Address ?? '';
  }

  async #allocate(
    { id, subnet, gateway }: Pick<SwarmNetwork, 'id' | 'subnet' | 'gateway'>,
    Options: Record<string, string>,
  ): Promise<Record<string, string>> {
    const IPv4Data = [{ AddressSpace: '', Gateway: gateway, Pool: subnet }];
    const request = { NetworkID: id, Options, IPv4Data, IPv6Data: null };
    const answer: Record<string, unknown> = await this.call('NetworkDriver.AllocateNetwork', request);
    return answer.Options as Record<string, string>;
  }

  async #releasePool(PoolID: string, gateway: string): Promise<void> {
    await this.call('IpamDriver.ReleaseAddress', { PoolID, Address: gateway.replace(/\/.*/, '') });
    await this.call('IpamDriver.ReleasePool', { PoolID });
  }
}

/** dockerd as a node that runs tasks. */
export class Node extends Caller {
  readonly #pools = new Map<string, string>();

  /** Before the first task of the network; also after a restart of dockerd, which has forgotten it. */
  async createNetwork({ id, subnet, gateway, state }: SwarmNetwork, ipam = 'xnet'): Promise<void> {
    const space = ipam === 'xnet' ? 'xnet-local' : 'LocalDefault';
    if (ipam === 'xnet') {
      const pool = { AddressSpace: space, Pool: subnet, SubPool: '', Options: null, V6: false };
      const { PoolID = '' } = await this.call('IpamDriver.RequestPool', pool);
      this.#pools.set(id, PoolID);
      const address = { PoolID, Address: gateway.replace(/\/.*/, ''), Options: GATEWAY };
      await this.call('IpamDriver.RequestAddress', address);
    }
    await this.call('NetworkDriver.CreateNetwork', {
      NetworkID: id,
      Options: { 'com.docker.network.generic': state, 'com.docker.network.enable_ipv4': true },
      IPv4Data: [{ AddressSpace: space, Gateway: gateway, Pool: subnet }],
      IPv6Data: [],
    });
  }

  /** Up to CreateEndpoint; rolls back as Docker does. */
  async run(network: SwarmNetwork, address: string): Promise<Task> {
    const PoolID = this.#pools.get(network.id);
    if (PoolID) await this.call('IpamDriver.RequestAddress', { PoolID, Address: address, Options: null });
    const endpointId = randomBytes(32).toString('hex');
    const endpoint = { NetworkID: network.id, EndpointID: endpointId };
    const Interface = { Address: `${address}/24`, AddressIPv6: '', MacAddress: '' };
    try {
      await this.call('NetworkDriver.CreateEndpoint', { ...endpoint, Interface, Options: {} });
    } catch (error: unknown) {
      if (PoolID) await this.call('IpamDriver.ReleaseAddress', { PoolID, Address: address });
      throw error;
    }
    return { network, address, endpointId };
  }

  async end({ network, address, endpointId }: Task): Promise<void> {
    const endpoint = { NetworkID: network.id, EndpointID: endpointId };
    await this.call('NetworkDriver.Leave', endpoint);
    await this.call('NetworkDriver.DeleteEndpoint', endpoint);
    const PoolID = this.#pools.get(network.id);
    if (PoolID) await this.call('IpamDriver.ReleaseAddress', { PoolID, Address: address });
  }

  /** After the last task. */
  async removeNetwork({ id, gateway }: SwarmNetwork): Promise<void> {
    const PoolID = this.#pools.get(id);
    if (PoolID) {
      await this.call('IpamDriver.ReleaseAddress', { PoolID, Address: gateway.replace(/\/.*/, '') });
      await this.call('IpamDriver.ReleasePool', { PoolID });
    }
    await this.call('NetworkDriver.DeleteNetwork', { NetworkID: id });
  }
}
