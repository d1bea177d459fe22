/** The forwarding entries that are in the kernel now. */
import { z } from 'zod';
import { BRIDGE, endpointNameOf, VXLAN } from '../interface-names.js';
import type { Iproute2 } from '../iproute2/iproute2.js';
import type { ForwardingState, LocalPorts } from './plan-forwarding.js';

const fdbSchema = z.array(
  z.object({
    mac: z.string(),
    ifname: z.string(),
    dst: z.string().optional(),
    state: z.string().optional(),
    master: z.string().optional(),
    flags: z.array(z.string()).optional(),
  }),
);
const neighboursSchema = z.array(
  z.object({ dst: z.string(), dev: z.string(), lladdr: z.string().optional(), state: z.array(z.string()) }),
);

export interface ObservedForwarding {
  readonly state: ForwardingState;
  readonly local: LocalPorts;
}

/** Throws NOT_FOUND when the namespace does not exist. */
export async function readForwarding(iproute2: Iproute2, namespace: string): Promise<ObservedForwarding> {
  const [fdb, neighbours] = await Promise.all([
    iproute2.show('bridge', namespace, ['fdb', 'show'], fdbSchema),
    iproute2.show('ip', namespace, ['neigh', 'show', 'nud', 'permanent'], neighboursSchema),
  ]);
  const tunnels = new Map<string, Set<string>>();
  const bridged = new Set<string>();
  const local = new Map<string, string>();
  for (const { mac, ifname, dst, state, master } of fdb) {
    if (ifname === VXLAN && dst !== undefined) tunnels.set(mac, (tunnels.get(mac) ?? new Set()).add(dst));
    else if (master !== BRIDGE || state !== 'static') continue;
    else if (ifname === VXLAN) bridged.add(mac);
    else if (endpointNameOf(ifname)) local.set(mac, ifname);
  }
  // A container's own group addresses have no MAC worth knowing; the kernel lists them as NOARP, not here.
  const ofBridge = neighbours.filter(({ dev }) => dev === BRIDGE);
  const entries = ofBridge.map(({ dst, lladdr }): [string, string] => [dst, lladdr ?? '']);
  return { state: { tunnels, bridged, neighbours: new Map(entries) }, local };
}
