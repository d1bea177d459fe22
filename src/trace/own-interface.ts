/** Which interface of a container is that of the traced network, and by which address. Pure. */
import type { InterfaceFacts } from '../dataplane/inspection.js';
import { IpAddress } from '../inet/ip-address.js';
import { Prefix } from '../inet/prefix.js';
import type { Side, Trace } from './trace.js';

/** Undefined: its interface has the MAC of the host's. */
export function macOf(here: Side, { network }: Trace): string | undefined {
  return network?.mode === 'ipvlan' ? undefined : here.endpoint?.mac;
}

export function ownInterface(
  interfaces: readonly InterfaceFacts[],
  here: Side,
  trace: Trace,
): InterfaceFacts | undefined {
  const mac = macOf(here, trace);
  const address = ownAddress(here, trace);
  if (mac !== undefined) return interfaces.find((each) => each.mac === mac);
  return interfaces.find((each) => address !== undefined && hasAddress(each, address));
}

/** Its address in the trace, with the prefix length of the network's subnet. */
export function ownAddress(here: Side, trace: Trace): string | undefined {
  const address = here.endpoint && addressOf(here, trace);
  const subnet = address === undefined ? undefined : subnetOf(trace, address);
  return subnet === undefined ? undefined : `${address}/${subnet.split('/')[1]}`;
}

export function addressOf(side: Side, { from, source, destination }: Trace): string {
  return side === from ? (source ?? '') : destination;
}

export function subnetOf({ network }: Trace, address: string): string | undefined {
  return network?.subnets.find((subnet) => {
    const [prefix, ip] = [Prefix.parse(subnet), IpAddress.parse(address)];
    return prefix.family === ip.family && prefix.contains(ip);
  });
}

export function hasAddress({ addresses }: InterfaceFacts, wanted: string): boolean {
  return addresses.some((each) => plain(each) === plain(wanted));
}

export function plain(address: string): string {
  return address.split('/')[0] ?? '';
}
