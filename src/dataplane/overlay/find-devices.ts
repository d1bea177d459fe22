import { isXnetError } from '../../errors.js';
import { listLinks } from '../../native/netlink/links.js';
import { BRIDGE, namespaceName, namespacePath, VXLAN } from '../interface-names.js';

/** What a network has in the kernel of this host, whoever made it. */
export interface FoundDevices {
  /** Its bridge and its VXLAN device are there and up: packets are forwarded, whether xnet runs or not. */
  readonly forwards: boolean;
  /** Of its bridge, in bytes: that of the containers. */
  readonly mtu?: number;
}

/** undefined: the network has no namespace here. Throws KERNEL. */
export async function findDevices(networkId: string): Promise<FoundDevices | undefined> {
  try {
    const links = await listLinks(namespacePath(namespaceName(networkId)));
    const find = (name: string) => links.find(({ ifname }) => ifname === name);
    const isUp = (name: string) => find(name)?.flags.includes('UP') === true;
    const mtu = find(BRIDGE)?.mtu;
    return { forwards: isUp(BRIDGE) && isUp(VXLAN), ...(mtu !== undefined && { mtu }) };
  } catch (error: unknown) {
    if (isXnetError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}
