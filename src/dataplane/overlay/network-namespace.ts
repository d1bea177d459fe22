/** The namespace of a network, and the devices in it. */
import { access, readdir } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { errorMessage, isXnetError, XnetError } from '../../errors.js';
import { listInterfaceNames } from '../../native/interface-names.js';
import { listLinks } from '../../native/netlink/links.js';
import type { ObservedNetwork } from '../dataplane.js';
import type { ForeignTunnel } from '../host-reading.js';
import {
  endpointNameOf,
  GROUPS,
  NAMESPACES,
  namespaceName,
  namespacePath,
  networkIdOf,
} from '../interface-names.js';
import { type BatchOptions, type Iproute2, isAbsent, isPresent } from '../iproute2/iproute2.js';
import { runProgram } from '../iproute2/program.js';
import { inodeOfNamespace } from '../iproute2/standing-programs.js';
import type { Link } from './links.js';

/** Settings of br_netfilter, which each namespace has of its own, on by default. */
const BRIDGE_NETFILTER = ['iptables', 'ip6tables', 'arptables'].map(
  (table) => `/proc/sys/net/bridge/bridge-nf-call-${table}`,
);

export class NetworkNamespace {
  readonly name: string;

  constructor(
    readonly networkId: string,
    readonly iproute2: Iproute2,
  ) {
    this.name = namespaceName(networkId);
  }

  /** As Iproute2.batch, of lines of `ip`. */
  async batch(lines: readonly string[], options: BatchOptions = {}) {
    return this.iproute2.batch('ip', this.name, lines, options);
  }

  /** Its devices; undefined when there is no such (usable) namespace. Throws KERNEL. */
  async findLinks(): Promise<Link[] | undefined> {
    try {
      return await listLinks(namespacePath(this.name));
    } catch (error: unknown) {
      if (isXnetError(error, 'NOT_FOUND')) return undefined;
      throw error;
    }
  }

  async make(): Promise<void> {
    // Programs that stand in a namespace without a name keep it, and the VNI in it, alive.
    await this.iproute2.leave(this.name);
    // A name left in /run/netns that is no namespace (any more) would stay in the way.
    if (inodeOfNamespace(this.name) !== undefined) await this.remove();
    await this.iproute2.run(['netns', 'add', this.name], isPresent);
  }

  /** Removes the name; the kernel takes the namespace apart later. Absent is success. */
  async remove(): Promise<void> {
    await this.iproute2.run(['netns', 'del', this.name], isAbsent);
  }

  /** The host's kernel reports events of those namespaces that have a number there. Best effort. */
  async giveNumber(): Promise<void> {
    await this.iproute2.batch('ip', undefined, [`netns set ${this.name} auto`], { tolerate: () => true });
  }

  /**
   * Spares bridged packets the way through iptables, where the namespace has no rules anyway (about 8 % of TCP
   * throughput in four noisy pairs of runs). Best effort: the module may not be loaded, /proc/sys may be read-only in a
   * plugin's container.
   */
  async bypassBridgeNetfilter(): Promise<void> {
    const tee = ['netns', 'exec', this.name, 'tee', ...BRIDGE_NETFILTER];
    await access('/proc/sys/net/bridge')
      .then(() => runProgram('ip', tee, '0\n'))
      .catch(() => {});
  }

  /**
   * Deletes the devices of these names, and all others of the group, and with each its peer wherever that is. Absent is
   * success. Deleting a device holds the kernel's RTNL lock and waits for RCU (20 to 60 ms seen), but a group is deleted
   * in one go.
   */
  async removeLinks(names: readonly string[], group: number = GROUPS.leaving): Promise<void> {
    const lines = [...names.map((name) => `link set ${name} group ${group}`), `link del group ${group}`];
    await this.batch(lines, { tolerate: isAbsent, lane: 'removal' }).catch((error: unknown) => {
      if (!isXnetError(error, 'NOT_FOUND')) throw error;
    });
  }
}

/** Of networks that have a namespace, whoever made it. Throws KERNEL. */
export async function listNetworkIds(): Promise<string[]> {
  const names = await readdir(NAMESPACES).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    const message = `${NAMESPACES} cannot be read: ${errorMessage(error)}`;
    throw new XnetError('KERNEL', message, {}, { cause: error });
  });
  return names.flatMap((name) => networkIdOf(name) ?? []);
}

/** What of ours is in the kernel, whoever made it. Throws KERNEL. */
export async function listNetworks(): Promise<ObservedNetwork[]> {
  const networks: ObservedNetwork[] = [];
  for (const id of await listNetworkIds()) {
    networks.push({ id, endpointNames: endpointNamesIn(namespacePath(namespaceName(id))) });
    // A host may have hundreds.
    await setImmediate();
  }
  return networks;
}

/**
 * Endpoints whose outer end is in the host's namespace, of this name or the one this process is in: in no container (yet, or
 * any more). Throws KERNEL.
 */
export function listOuterEnds(hostNamespace: string | undefined): string[] {
  return endpointNamesIn(hostNamespace === undefined ? undefined : namespacePath(hostNamespace));
}

/** As Dataplane.listMtus. None where no namespace is. */
export async function listMtus(
  networkId: string | undefined,
  hostNamespace: string | undefined,
): Promise<Map<string, number>> {
  const name = networkId === undefined ? hostNamespace : namespaceName(networkId);
  const links = await listLinks(name === undefined ? undefined : namespacePath(name)).catch(noneIfAbsent);
  const nameOf = networkId === undefined ? (name: string) => name : endpointNameOf;
  return new Map(
    links.flatMap(({ ifname, mtu }) => {
      const name = nameOf(ifname);
      return name === undefined ? [] : [[name, mtu]];
    }),
  );
}

/** As Dataplane.listForeignTunnels. Those of routed networks, which are in the host's namespace, have an alias. */
export async function listForeignTunnels(hostNamespace: string | undefined): Promise<ForeignTunnel[]> {
  const path = hostNamespace === undefined ? undefined : namespacePath(hostNamespace);
  return (await listLinks(path)).flatMap(({ ifname: device, ifalias = '', linkinfo }) => {
    const { id, port } = linkinfo?.info_data ?? {};
    if (linkinfo?.info_kind !== 'vxlan' || typeof id !== 'number' || typeof port !== 'number') return [];
    if (networkIdOf(ifalias) !== undefined) return [];
    return [{ device, vni: id, port }];
  });
}

function noneIfAbsent(error: unknown): [] {
  if (isXnetError(error, 'NOT_FOUND')) return [];
  throw error;
}

/** None where no namespace is. */
function endpointNamesIn(path: string | undefined): string[] {
  try {
    return listInterfaceNames(path).flatMap((name) => endpointNameOf(name) ?? []);
  } catch (error: unknown) {
    if (isXnetError(error, 'NOT_FOUND')) return [];
    throw error;
  }
}
