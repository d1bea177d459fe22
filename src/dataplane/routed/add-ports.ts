import { addPorts, type MapElement, type PortRules } from '../../native/netfilter/netdev-ports.js';
import type { ListedLink } from '../../native/netlink/links.js';
import { familyOf, OTHERS, type Port } from './table-layout.js';

/** What gives new ports their rules and elements, as `portLines` and `portElements` have them, over netlink. `path`: of the host. */
export function portAddition(
  path: string | undefined,
  table: string,
  ports: readonly Port[],
  links: readonly ListedLink[],
): () => void {
  const indexes = new Map(links.map(({ ifname, index }) => [ifname, index]));
  const elements = ports.flatMap((port) => elementsOf(port, indexes.get(port.name) ?? 0));
  return () => addPorts(path, table, ports.map(rulesOf), elements);
}

function rulesOf({ name, addresses }: Port): PortRules {
  const sources = addresses.map((address) => ({ address, chain: `out${familyOf(address).version}` }));
  return { device: name, sources, others: OTHERS };
}

/** `index`: of the host's end. */
function elementsOf({ mac, addresses }: Port, index: number): MapElement[] {
  const number = Buffer.alloc(4);
  number.writeUInt32LE(index);
  return addresses.flatMap((address) => {
    const { version } = familyOf(address);
    return [
      { map: `mac${version}`, address, value: Buffer.from(mac.replaceAll(':', ''), 'hex') },
      { map: `port${version}`, address, value: number },
    ];
  });
}
