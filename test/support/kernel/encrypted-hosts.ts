/** Hosts of the data plane whose packets are encrypted, as src/agent/encryption would do it. */
import { rm } from 'node:fs/promises';
import { type HostKey, makeKey, publicKeyOf } from '../../../src/agent/encryption/encryption-keys.js';
import { planTunnels } from '../../../src/agent/encryption/encryption-plan.js';
import type { NetworkSpec, Repair } from '../../../src/dataplane/dataplane.js';
import type { EncryptionTunnel } from '../../../src/dataplane/encryption/encryption.js';
import { LinuxEncryption } from '../../../src/dataplane/encryption/linux-encryption.js';
import { ENCRYPTION_SUBNET, encryptedVtep } from '../../../src/inet/encrypted-vtep.js';
import type { HostRecord } from '../../../src/model/host.js';
import {
  type Container,
  remotesOf,
  type TestHost,
  TestUnderlay,
  type UnderlayOptions,
} from './netns-hosts.js';

export interface EncryptedHost extends TestHost {
  readonly id: string;
  readonly device: LinuxEncryption;
  keys: readonly HostKey[];
}

export class EncryptedHosts implements AsyncDisposable {
  private constructor(
    readonly underlay: TestUnderlay,
    readonly hosts: readonly EncryptedHost[],
    private readonly options: UnderlayOptions,
  ) {}

  static async create(count: number, options: UnderlayOptions = {}): Promise<EncryptedHosts> {
    const underlay = await TestUnderlay.create(count, options);
    const hosts = underlay.hosts.map((host) => ({
      ...host,
      id: host.netns.name,
      device: new LinuxEncryption({ subnet: ENCRYPTION_SUBNET, hostNamespace: host.netns.name }),
      keys: [makeKey(0, new Date())],
    }));
    return new EncryptedHosts(underlay, hosts, options);
  }

  tunnels(host: EncryptedHost): EncryptionTunnel[] {
    const underlay = { vtep: host.vtep, interface: 'eth0', mtu: this.options.mtu ?? 1500 };
    const hosts = this.records;
    return planTunnels({ hostId: host.id, keys: host.keys, port: 51820, keepalive: 0, underlay, hosts });
  }

  get records(): readonly HostRecord[] {
    return this.hosts.map(recordOf);
  }

  ensure(host: EncryptedHost): Promise<readonly Repair[]> {
    return host.device.ensure(this.tunnels(host));
  }

  async ensureAll(): Promise<void> {
    await Promise.all(this.hosts.map((host) => this.ensure(host)));
  }

  network(host: EncryptedHost, label: string): NetworkSpec {
    const encryptedUnderlay = this.tunnels(host)[0];
    const mtu = (encryptedUnderlay?.mtu ?? 0) - 70;
    return this.underlay.network(host, label, { mtu, encryptedVtep: vtepOf(host) });
  }

  container(host: EncryptedHost, label: string, address: string): Promise<Container> {
    return this.underlay.container(host, this.network(host, label), [address]);
  }

  async connect(containers: readonly Container[]): Promise<void> {
    for (const { host, network } of containers) {
      const remotes = containers
        .filter((other) => other.host !== host)
        .map(({ endpoint: { mac }, addresses, host: at }) => ({ mac, addresses, vtep: this.#vtepAt(at) }));
      await host.dataplane.setForwarding(network.id, remotesOf(remotes));
    }
  }

  #vtepAt({ vtep }: TestHost): string {
    const host = this.hosts.find((each) => each.vtep === vtep);
    if (!host) throw new Error(`no host has ${vtep}`);
    return vtepOf(host);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { device, netns } of this.hosts) {
      await device.remove();
      await device[Symbol.asyncDispose]();
      await rm(`/run/wireguard/${netns.name}`, { recursive: true, force: true });
    }
    await this.underlay[Symbol.asyncDispose]();
  }
}

/** No program is found meanwhile: what starts one fails. */
export async function withoutPrograms<T>(work: () => Promise<T>): Promise<T> {
  const path = process.env.PATH;
  process.env.PATH = '/nonexistent';
  try {
    return await work();
  } finally {
    process.env.PATH = path;
  }
}

function vtepOf({ id, keys }: EncryptedHost): string {
  return encryptedVtep(id, keys[0]?.slot ?? 0);
}

function recordOf({ id, vtep, keys }: EncryptedHost): HostRecord {
  const encryption = keys.map(({ slot, privateKey }) => ({
    ...{ slot, port: 51820 + slot },
    publicKey: publicKeyOf(privateKey),
  }));
  return { ...{ version: 1, id, name: id, vtep, vxlanPort: 4789, xnetVersion: 'test' }, encryption };
}
