/** This host's endpoints of a network as the data plane can make them anew: pure. */
import type { LocalEndpoint } from '../../dataplane/dataplane.js';
import { IpAddress } from '../../inet/ip-address.js';
import { Prefix } from '../../inet/prefix.js';
import type { EndpointRecord } from '../../model/endpoint.js';
import type { NetworkRecord } from '../../model/network.js';

/** `sandboxPathOf` knows the file of an endpoint's container's namespace, by endpoint id, while it is in one. */
export function localEndpoints(
  network: NetworkRecord,
  endpoints: readonly EndpointRecord[],
  sandboxPathOf: (endpointId: string) => string | undefined,
): LocalEndpoint[] {
  const subnets = network.pools.map(({ subnet }) => Prefix.parse(subnet));
  return endpoints.map(({ id, mac, addresses }) => ({
    id,
    mac,
    addresses,
    interfaceAddresses: addresses.map((address) => interfaceAddress(address, subnets)),
    sandboxPath: sandboxPathOf(id),
  }));
}

/** As Docker puts it on the interface: with the length of its subnet. */
function interfaceAddress(text: string, subnets: readonly Prefix[]): string {
  const address = IpAddress.parse(text);
  const subnet = subnets.find((each) => each.contains(address));
  return `${text}/${subnet?.length ?? (address.family === 4 ? 32 : 128)}`;
}
