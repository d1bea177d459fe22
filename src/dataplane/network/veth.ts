/**
 * The veth pair of an endpoint: a port on br0, and the interface that libnetwork moves into the container.
 */

import type { EndpointSpec, NetworkSpec } from '../dataplane.js';
import { BRIDGE, GROUPS, interfaceName } from '../interface-names.js';
import { PLAIN_SLAVE, slaveIsPlain } from './bridge-port.js';
import { holds, isGrouped, isQuiet, type Link, passes } from './links.js';

/**
 * Lines of `ip` in the network's namespace. The pair is born with MAC and MTU set and its outer end in
 * `hostNamespace` (a name or path); the lines after the first change nothing when the endpoint is right
 * already.
 */
export function attachLines(network: NetworkSpec, endpoint: EndpointSpec, hostNamespace: string): string[] {
  const name = interfaceName(endpoint.id);
  const peer = `name ${name} address ${endpoint.mac} mtu ${network.mtu} netns ${hostNamespace}`;
  return [
    `link add ${name} mtu ${network.mtu} group ${GROUPS.endpoint} type veth peer ${peer}`,
    ...portSetLines(network, name),
  ];
}

/** Brings an existing port to what it should be; each line changes nothing when it is so already. */
export function portSetLines(network: NetworkSpec, name: string): string[] {
  return [
    // The group too: a removal that was cut short has marked the port as leaving.
    `link set ${name} mtu ${network.mtu} group ${GROUPS.endpoint} addrgenmode none master ${BRIDGE}`,
    `link set ${name} type bridge_slave ${PLAIN_SLAVE}`,
    `link set ${name} up`,
  ];
}

export function portIsRight(link: Link, network: NetworkSpec): boolean {
  return (
    isQuiet(link) &&
    isGrouped(link) &&
    slaveIsPlain(link) &&
    passes(link, network.mtu) &&
    holds(link, { master: BRIDGE })
  );
}

/**
 * Line of `bridge`: frames to the endpoint's MAC leave by its port. Moves the entry when it points elsewhere.
 */
export function localFdbLine(mac: string, port: string): string {
  return `fdb replace ${mac} dev ${port} master static`;
}
