/** The forwarding entries that are in the kernel now. */
import { z } from 'zod';
import { BRIDGE, endpointNameOf, VXLAN } from '../interface-names.js';
import type { Iproute2 } from '../iproute2/iproute2.js';
import { FLOOD_MAC, type ForwardingState } from './forwarding-state.js';

const fdbSchema = z.array(
  z.object({
    mac: z.string(),
    ifname: z.string(),
    dst: z.string().optional(),
    state: z.string().optional(),
    master: z.string().optional(),
  }),
);
const neighboursSchema = z.array(
  z.object({ dst: z.string(), dev: z.string(), lladdr: z.string().optional(), state: z.array(z.string()) }),
);

/** Throws NOT_FOUND when the namespace does not exist. */
export async function readForwarding(iproute2: Iproute2, namespace: string): Promise<ForwardingState> {
  const [fdb, neighbours] = await Promise.all([
    iproute2.show('bridge', namespace, ['fdb', 'show'], fdbSchema),
    iproute2.show('ip', namespace, ['neigh', 'show', 'nud', 'permanent'], neighboursSchema),
  ]);
  // A container's own group addresses have no MAC worth knowing; the kernel lists them as NOARP, not here.
  const ofBridge = neighbours.filter(({ dev }) => dev === BRIDGE);
  return {
    ...sortFdb(fdb),
    neighbours: new Map(ofBridge.map(({ dst, lladdr = '' }) => [dst, lladdr])),
  };
}

function sortFdb(fdb: z.infer<typeof fdbSchema>): Omit<ForwardingState, 'neighbours'> {
  const remotes = new Map<string, { bridged: boolean; vteps: Set<string> }>();
  const flood = new Map<string, true>();
  const ports = new Map<string, string>();
  const remote = (mac: string) => {
    const entry = remotes.get(mac) ?? { bridged: false, vteps: new Set() };
    remotes.set(mac, entry);
    return entry;
  };
  for (const { mac, ifname, dst, state, master } of fdb) {
    if (ifname === VXLAN && dst !== undefined) {
      if (mac === FLOOD_MAC) flood.set(dst, true);
      else remote(mac).vteps.add(dst);
    } else if (master !== BRIDGE || state !== 'static') continue;
    else if (ifname === VXLAN) remote(mac).bridged = true;
    else if (endpointNameOf(ifname)) ports.set(mac, ifname);
  }
  return { remotes, flood, ports };
}
