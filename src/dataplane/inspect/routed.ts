import { type ListedLink, listLinks } from '../../native/netlink/links.js';
import type { DeviceFacts, RoutedFacts, RoutedToInspect } from '../inspection.js';
import type { Namespace } from '../iproute2/read-namespace.js';
import { HostNamespace } from '../kernel/host-namespace.js';
import { listNftTable } from '../nft/nft.js';
import { parseTable } from '../routed/read-table.js';
import { readTunnelEntries } from '../routed/routed-host.js';
import { outerEndName, tableName, tunnelName } from '../routed/routed-names.js';
import { deviceOf } from './network.js';

/** As Inspection.routed, of the host in `namespace`. */
export async function inspectRouted(
  namespace: Namespace,
  { networkId, endpointId, addresses }: RoutedToInspect,
): Promise<RoutedFacts> {
  await using host = new HostNamespace(namespace);
  const [table, portName, tunnel] = [tableName(networkId), outerEndName(endpointId), tunnelName(networkId)];
  const links = await listLinks(host.file);
  const [objects, entries] = await Promise.all([
    listNftTable(namespace, `netdev ${table}`),
    readTunnelEntries(networkId, links, host),
  ]);
  const state = objects && parseTable(objects);
  const mac = links.find(({ ifname }) => ifname === tunnel)?.address;
  const asked = [...(state?.elements ?? [])].filter(([name]) =>
    addresses.includes(name.split(' ', 2)[1] ?? ''),
  );
  const elements = new Map(asked);
  const macs = new Set(elements.values());
  return {
    ...{ table, portName, tunnelName: tunnel },
    hasTable: state !== undefined,
    hasChain: state?.chains.has(portName) ?? false,
    ...devices(links, { port: portName, tunnel }),
    ...(mac !== undefined && { tunnelMac: mac }),
    elements: Object.fromEntries(elements),
    entries: Object.fromEntries(
      [...entries].flatMap(([name, vtep]) => {
        const of = name.replace(/^fdb /, '');
        return macs.has(of) ? [[of, vtep] as const] : [];
      }),
    ),
  };
}

function devices(
  links: readonly ListedLink[],
  names: Readonly<Record<'port' | 'tunnel', string>>,
): { port?: DeviceFacts; tunnel?: DeviceFacts } {
  const found = Object.entries(names).flatMap(([kind, name]) => {
    const link = links.find(({ ifname }) => ifname === name);
    return link ? [[kind, deviceOf(link)] as const] : [];
  });
  return Object.fromEntries(found);
}
