/** The forwarding entries that are in the kernel now. */
import { listLinks } from '../../native/netlink/links.js';
import { type ListedNeighbour, listFdb, listNeighbours } from '../../native/netlink/neighbours.js';
import { BRIDGE, endpointNameOf, namespacePath, VXLAN } from '../interface-names.js';
import { FLOOD_MAC, type ForwardingState } from './forwarding-state.js';

/** Throws NOT_FOUND when the namespace does not exist. */
export async function readForwarding(namespace: string): Promise<ForwardingState> {
  const path = namespacePath(namespace);
  const [fdb, neighbours, links] = await Promise.all([listFdb(path), listNeighbours(path), listLinks(path)]);
  const names = new Map(links.map(({ index, ifname }) => [index, ifname]));
  const nameOf = (index: number | undefined) => (index === undefined ? undefined : names.get(index));
  // A container's own group addresses have no MAC worth knowing; the kernel lists them as NOARP.
  const ofBridge = neighbours.flatMap(({ address, mac = '', state, interface: index }) =>
    address !== undefined && state === 'permanent' && nameOf(index) === BRIDGE
      ? [[address, mac] as const]
      : [],
  );
  return { ...sortFdb(fdb, nameOf), neighbours: new Map(ofBridge) };
}

function sortFdb(
  fdb: readonly ListedNeighbour[],
  nameOf: (index: number | undefined) => string | undefined,
): Omit<ForwardingState, 'neighbours'> {
  const remotes = new Map<string, { bridged: boolean; vteps: Set<string> }>();
  const flood = new Map<string, true>();
  const ports = new Map<string, string>();
  const remote = (mac: string) => {
    const entry = remotes.get(mac) ?? { bridged: false, vteps: new Set() };
    remotes.set(mac, entry);
    return entry;
  };
  for (const { interface: index, master, address: vtep, mac, state } of fdb) {
    const name = nameOf(index);
    if (name === undefined || mac === undefined) continue;
    if (name === VXLAN && vtep !== undefined) {
      if (mac === FLOOD_MAC) flood.set(vtep, true);
      else remote(mac).vteps.add(vtep);
    } else if (nameOf(master) !== BRIDGE || state !== 'static') continue;
    else if (name === VXLAN) remote(mac).bridged = true;
    else if (endpointNameOf(name)) ports.set(mac, name);
  }
  return { remotes, flood, ports };
}
