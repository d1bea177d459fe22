/** What the hosts are asked for a trace: of which network it is, by which addresses, and what is looked at on each host. Pure. */
import { XnetError } from '../errors.js';
import { quoted } from '../inet/quoted.js';
import type { EndpointRecord } from '../model/endpoint.js';
import type { NetworkRecord } from '../model/network.js';
import type { End } from './ends.js';
import type { LookRequest } from './facts.js';
import type { Side, Trace } from './trace.js';

/** For documentation (RFC 5737): every route but the default one is wrong for it. */
export const SOMEWHERE = '192.0.2.1';

export interface Common {
  readonly network: NetworkRecord;
  readonly from: EndpointRecord;
  readonly to: EndpointRecord;
}

/**
 * The network that both are in: the one that was asked for, that of the address that was given, or the first by its name. undefined: they
 * have none in common, or one is no container. Throws INVALID where they are not both in `wanted`.
 */
export function commonNetwork(
  from: End,
  to: End,
  networks: readonly NetworkRecord[],
  wanted: NetworkRecord | undefined,
): Common | undefined {
  const found = networks
    .flatMap((network) => {
      const [one, other] = [from, to].map((end) => endpointIn(end, network.id));
      return one && other ? [{ network, from: one, to: other }] : [];
    })
    .sort((a, b) => (a.network.name ?? a.network.id).localeCompare(b.network.name ?? b.network.id));
  if (!wanted) return found[0];
  const meant = found.find(({ network }) => network.id === wanted.id);
  if (meant) return meant;
  const name = quoted(wanted.name ?? wanted.id);
  throw new XnetError(
    'INVALID',
    `they are not both in network ${name}; without --network a common one is chosen`,
  );
}

/** Of an end that was given by its address only the endpoint with that counts. */
function endpointIn(end: End, networkId: string): EndpointRecord | undefined {
  if (end.kind !== 'container') return undefined;
  const { address, endpoints } = end;
  return endpoints.find(
    (each) => each.networkId === networkId && (address === undefined || each.addresses.includes(address)),
  );
}

/** Source and destination of one family: that of the address that was given, else IPv4 before IPv6. */
export function addressesOf(
  { from, to }: Common,
  given: string | undefined,
): { source?: string; destination: string } {
  const byFamily = (address: string) => (address.includes(':') ? 1 : 0);
  const candidates = [...to.addresses].sort((a, b) => byFamily(a) - byFamily(b));
  const hasSource = (address: string) => from.addresses.some((each) => byFamily(each) === byFamily(address));
  const destination = given ?? candidates.find(hasSource) ?? candidates[0] ?? SOMEWHERE;
  const source = from.addresses.find((each) => byFamily(each) === byFamily(destination));
  return { destination, ...(source !== undefined && { source }) };
}

/** What the host of this end is to look at. */
export function planLook(side: Side, trace: Trace): LookRequest {
  const { from, to, network, source = '', destination, name } = trace;
  const isFrom = side === from;
  const other = isFrom ? to : from;
  const target = isFrom ? destination : source;
  const { vtep } = side.host;
  const peerVtep = other.host.vtep ?? (other.host.id === undefined ? target : undefined);
  const isUnderlaid = network?.mode === 'overlay' || network?.mode === 'routed';
  const passesUnderlay = to.container ? isUnderlaid : !from.container;
  const isAcross = from.host.id !== to.host.id && passesUnderlay;
  const leaves = isFrom && side.container !== undefined && !to.container;
  const looksInside = side.container && (network !== undefined || leaves);
  return {
    ...(side.container && { containerId: side.container.id }),
    ...(looksInside && { sandbox: { destination: target, packets: packetsOf(side, trace) } }),
    ...(isFrom &&
      name !== undefined &&
      network && { name: { text: name, type: destination.includes(':') ? 'AAAA' : 'A' } as const }),
    ...(network?.mode === 'overlay' &&
      side.endpoint &&
      other.endpoint && {
        network: {
          ...{ networkId: network.id, endpointId: side.endpoint.id, mac: side.endpoint.mac },
          other: { mac: other.endpoint.mac, addresses: [...other.endpoint.addresses] },
        },
      }),
    ...(network?.mode === 'routed' &&
      side.endpoint &&
      other.endpoint && {
        routed: {
          ...{ networkId: network.id, endpointId: side.endpoint.id },
          addresses: [...side.endpoint.addresses, ...other.endpoint.addresses],
          ...(other.host.id !== side.host.id && { peerId: other.host.id }),
        },
      }),
    ...(isAcross &&
      vtep !== undefined &&
      peerVtep !== undefined && { underlay: { vtep, peerVtep, vni: network?.vni ?? 0 } }),
    ...(isAcross &&
      network?.isEncrypted &&
      other.host.id !== undefined && { encryption: { peerId: other.host.id } }),
    ...(trace.policy && network?.mode === 'overlay' && { policy: { networkId: network.id } }),
    ...(leaves && { gateway: { destination } }),
    ...lanOf(leaves ? trace.exit : isUnderlaid ? undefined : network),
  };
}

function lanOf(lan: { readonly id: string } | undefined): Pick<LookRequest, 'lan'> {
  return lan ? { lan: { networkId: lan.id } } : {};
}

/** The packet and its answer, as the namespace of this end sees them. */
function packetsOf(side: Side, { from, protocol, port, source = SOMEWHERE, destination }: Trace) {
  const common = { protocol, ...(port !== undefined && { port }) };
  const isFrom = side === from;
  return [
    {
      ...common,
      direction: isFrom ? ('out' as const) : ('in' as const),
      source,
      destination,
      isAnswer: false,
    },
    {
      ...common,
      ...{ direction: isFrom ? ('in' as const) : ('out' as const), isAnswer: true },
      ...{ source: destination, destination: source },
    },
  ];
}
