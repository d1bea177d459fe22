import { listAddresses } from '../../native/netlink/addresses.js';
import { listLinks } from '../../native/netlink/links.js';

/** An interface in a container's namespace, as the kernel has it. */
export interface SandboxInterface {
  readonly name: string;
  readonly mac: string | undefined;
  readonly mtu: number;
  /** With prefix length. */
  readonly addresses: readonly string[];
}

/** Throws NOT_FOUND when no namespace is at the path, UNSUPPORTED and KERNEL. */
export async function listSandboxInterfaces(sandboxPath: string): Promise<SandboxInterface[]> {
  const [links, addresses] = await Promise.all([listLinks(sandboxPath), listAddresses(sandboxPath)]);
  return links.map(({ index, ifname: name, address: mac, mtu }) => ({
    ...{ name, mac, mtu },
    addresses: addresses
      .filter((each) => each.interface === index)
      .map(({ address, prefixLength }) => `${address}/${prefixLength}`),
  }));
}
