/** What others have altered of a routed network is put right. */
import type { ListedLink } from '../../native/netlink/links.js';
import { type Change, linesOf } from '../changes.js';
import type { LocalEndpoint, NetworkSpec, Repair } from '../dataplane.js';
import { isAbsent } from '../iproute2/iproute2.js';
import type { Tunnel } from '../overlay/layout.js';
import { isSandbox } from '../sandbox/sandbox-interface.js';
import type { DeviceWork } from './device-work.js';
import { repairPorts } from './port-changes.js';
import { outerEndChange, outerEndsOf, pairChange, tunnelChange } from './routed-devices.js';
import { outerEndName } from './routed-names.js';
import type { RoutedTable } from './routed-table.js';
import type { Port } from './table-layout.js';

interface Devices {
  readonly spec: NetworkSpec;
  readonly tunnel: Tunnel;
  readonly links: readonly ListedLink[];
  readonly endpoints: readonly LocalEndpoint[];
  /** By the names of the host's ends. */
  readonly attached: ReadonlyMap<string, Port>;
  readonly work: DeviceWork;
  /** What a container calls its interface, if that is known. */
  readonly nameOf: (endpointId: string) => string | undefined;
}

interface RepairedDevices {
  readonly links: readonly ListedLink[];
  readonly changes: readonly Change[];
  /** Names of the host's ends that are there now, of those the ones that were made anew, and of those the ones of no endpoint. */
  readonly present: ReadonlySet<string>;
  readonly anew: ReadonlySet<string>;
  readonly strangers: readonly string[];
}

/** Endpoints whose container has gone, as Docker is about to say, get no pair again. */
export async function repairDevices(devices: Devices): Promise<RepairedDevices> {
  const { spec, tunnel, links, endpoints, attached, work, nameOf } = devices;
  const ofTunnel = tunnelChange(links, spec, tunnel);
  if (ofTunnel) await work.makeTunnel(ofTunnel, spec, tunnel);

  const ends = outerEndsOf(links, spec.id);
  const known = new Set([...attached.keys(), ...endpoints.map(({ id }) => outerEndName(id))]);
  const altered = ends
    .filter(({ ifname }) => known.has(ifname))
    .flatMap((end) => outerEndChange(end, spec) ?? []);
  // One may have gone meanwhile, with its container.
  await work.ip(linesOf(altered, 'ip'), { tolerate: isAbsent });

  const present = new Set(ends.map(({ ifname }) => ifname));
  const again: Change[] = [];
  for (const endpoint of endpoints) {
    const { id, sandboxPath } = endpoint;
    if (present.has(outerEndName(id)) || sandboxPath === undefined || !(await isSandbox(sandboxPath)))
      continue;
    const change = pairChange(spec, endpoint, sandboxPath);
    await work.attachAgain(change, { ...endpoint, sandboxPath }, nameOf(id));
    again.push(change);
  }
  const anew = new Set(again.map(({ object }) => object));
  return {
    links,
    changes: [...(ofTunnel ? [ofTunnel] : []), ...altered, ...again],
    present: new Set([...present, ...anew]),
    anew,
    strangers: [...present].filter((name) => !known.has(name)),
  };
}

/** `isMoved`: devices that the rules name are others now. */
export async function repairTable(
  table: RoutedTable,
  wanted: {
    readonly ports: readonly Port[];
    readonly strangers: readonly string[];
    readonly anew: ReadonlySet<string>;
    readonly isMoved: boolean;
    readonly rewrite: () => Promise<void>;
  },
): Promise<Repair[]> {
  const isWhole = await table.look();
  if (!isWhole || wanted.isMoved) {
    await wanted.rewrite();
    const was = isWhole === undefined ? 'missing' : 'altered';
    return [{ kind: 'routes', object: `netdev ${table.name}`, was }];
  }
  const repairs: Repair[] = [];
  await table.change((elements) => {
    const change = repairPorts(table.name, wanted, elements, table.chains);
    repairs.push(...change.differences.map(({ key, was }): Repair => ({ kind: 'route', object: key, was })));
    return change;
  });
  return repairs;
}
