/** What of a network's namespace is not as it should be, and the lines that put it right. Pure. */

import type { LocalEndpoint, NetworkSpec, Repair } from '../dataplane.js';
import type { LocalPorts } from '../forwarding/plan-forwarding.js';
import { BRIDGE, endpointNameOf, interfaceName, namespaceName, VXLAN } from '../interface-names.js';
import { bridgeIsRight } from '../network/bridge.js';
import type { Link } from '../network/links.js';
import { localFdbLine, portIsRight, portSetLines } from '../network/veth.js';
import { isTunnelOf, type Tunnel, vxlanIsRight } from '../network/vxlan.js';

/** `links` are what is in the network's namespace; undefined: there is none. */
export function findDeviceDrift(
  links: readonly Link[] | undefined,
  network: NetworkSpec,
  tunnel: Tunnel,
): Repair[] {
  if (!links) return [{ kind: 'namespace', object: namespaceName(network.id), was: 'missing' }];
  const bridge = links.find(({ ifname }) => ifname === BRIDGE);
  const vxlan = links.find(({ ifname }) => ifname === VXLAN);
  const repairs: Repair[] = [];
  if (!bridge) repairs.push({ kind: 'bridge', object: BRIDGE, was: 'missing' });
  else if (!bridgeIsRight(bridge, network)) repairs.push({ kind: 'bridge', object: BRIDGE, was: 'altered' });
  if (!vxlan) repairs.push({ kind: 'vxlan', object: VXLAN, was: 'missing' });
  // Off the bridge only because there is none: that is the bridge's repair.
  else if (!isTunnelOf(vxlan, network, tunnel) || !(vxlanIsRight(vxlan, network) || !bridge))
    repairs.push({ kind: 'vxlan', object: VXLAN, was: 'altered' });
  return repairs;
}

export interface PortPlan {
  /** For `ip` in the network's namespace. */
  readonly lines: readonly string[];
  readonly repairs: readonly Repair[];
  /** Endpoints that have no port at all: their containers have lost their interface with it. */
  readonly missing: readonly LocalEndpoint[];
  /** Names of endpoints' ports that no endpoint has. */
  readonly strangers: readonly string[];
}

export function planPorts(
  links: readonly Link[],
  network: NetworkSpec,
  endpoints: readonly LocalEndpoint[],
): PortPlan {
  const ports = new Map(links.map((link) => [link.ifname, link]));
  const wanted = new Set(endpoints.map(({ id }) => interfaceName(id)));
  const wrong = [...wanted].filter((name) => {
    const port = ports.get(name);
    return port && !portIsRight(port, network);
  });
  return {
    lines: wrong.flatMap((name) => portSetLines(network, name)),
    repairs: wrong.map((name) => ({ kind: 'port', object: name, was: 'altered' })),
    missing: endpoints.filter(({ id }) => !ports.has(interfaceName(id))),
    strangers: [...ports.keys()].filter((name) => endpointNameOf(name) && !wanted.has(name)),
  };
}

export interface LocalFdbPlan {
  /** For `bridge`. */
  readonly lines: readonly string[];
  readonly repairs: readonly Repair[];
}

/**
 * The bridge's entries for MACs of this host: MAC -> port. `remote` are MACs that another host has (a remote wins over
 * a port of this host), `ports` those whose entries are this function's affair: not the ones of strangers.
 */
export function planLocalFdb(
  observed: LocalPorts,
  desired: LocalPorts,
  remote: ReadonlySet<string>,
  ports: ReadonlySet<string>,
): LocalFdbPlan {
  const wrong = [...desired].filter(([mac, port]) => !remote.has(mac) && observed.get(mac) !== port);
  const extra = [...observed].filter(
    ([mac, port]) => !desired.has(mac) && !remote.has(mac) && ports.has(port),
  );
  return {
    lines: [
      ...wrong.map(([mac, port]) => localFdbLine(mac, port)),
      ...extra.map(([mac, port]) => `fdb del ${mac} dev ${port} master`),
    ],
    repairs: [
      ...wrong.map(([mac]) => fdbRepair(mac, observed.has(mac) ? 'altered' : 'missing')),
      ...extra.map(([mac]) => fdbRepair(mac, 'extra')),
    ],
  };
}

function fdbRepair(object: string, was: Repair['was']): Repair {
  return { kind: 'fdb-entry', object, was };
}
