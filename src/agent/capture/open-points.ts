import type { Capture, CapturedPacket, CaptureWish, Dataplane } from '../../dataplane/dataplane.js';
import { errorMessage, isXnetError } from '../../errors.js';
import type { EndpointRecord } from '../../model/endpoint.js';
import type { CapturePoint, CaptureWanted } from './capture-question.js';
import type { PacketQueue } from './packet-queue.js';

/** Of a capture. Each has a buffer in the kernel, which all together have so many bytes. */
const MOST_POINTS = 64;
const BUFFER_BYTES = 16 << 20;
const MOST_BUFFER_BYTES = 2 << 20;

/** A network, with the endpoints that this host has in it. */
export interface NetworkHere {
  readonly network: CaptureWanted['networks'][number];
  readonly endpoints: readonly EndpointRecord[];
  /** Absent: the network is no LAN. */
  readonly lan?: LanHere | undefined;
}

/** How the packets of a network on a LAN are found on this host. */
export interface LanHere {
  /** Interface that leads to the LAN; absent: there is none. */
  readonly parent?: string | undefined;
  /** All containers have the MAC of that interface. */
  readonly sharesMac: boolean;
  /** File of the namespace of the endpoint's container, where it is known. */
  readonly sandboxPathOf: (endpointId: string) => string | undefined;
}

interface Place extends Omit<CapturePoint, 'interfaceName'> {
  readonly wish: Pick<CaptureWish, 'network' | 'at' | 'mac'>;
}

/** The points of this host at which a capture runs. */
export class OpenPoints implements Disposable {
  readonly points: CapturePoint[] = [];
  /** What is not captured, and why. */
  readonly notes: string[] = [];
  readonly #captures: Capture[] = [];
  /** Lost packets that were taken, by the point's number. */
  readonly #taken = new Map<number, number>();

  private constructor(private readonly queue: PacketQueue) {}

  /** Points that cannot be opened are noted. Throws UNSUPPORTED when xnet may open none. */
  static async open(
    dataplane: Pick<Dataplane, 'capture'>,
    networks: readonly NetworkHere[],
    { filter, snapBytes }: Pick<CaptureWanted, 'filter' | 'snapBytes'>,
    queue: PacketQueue,
  ): Promise<OpenPoints> {
    const opened = new OpenPoints(queue);
    opened.notes.push(...networks.flatMap(notesOf));
    const places = networks.flatMap(placesOf);
    const chosen = choose(places);
    const bufferBytes = Math.min(MOST_BUFFER_BYTES, Math.floor(BUFFER_BYTES / chosen.length));
    try {
      for (const place of chosen) {
        const wish = { ...place.wish, filter, snapBytes, bufferBytes };
        await opened.#open(place, (take) => dataplane.capture(wish, take));
      }
    } catch (error: unknown) {
      opened[Symbol.dispose]();
      throw error;
    }
    const left = places.length - chosen.length;
    if (left > 0) {
      const remedy = networks.length > 1 ? 'name a network or a container' : 'name a container';
      opened.notes.push(`${left} of its ${places.length} points are not captured; ${remedy}`);
    }
    return opened;
  }

  /** How many packets were lost at each point, by its number, since this was last asked. Points that lost none are left out. */
  takeDropped(): [point: number, count: number][] {
    return this.#captures.flatMap(({ dropped }, point) => {
      const all = dropped + (this.queue.dropped.get(point) ?? 0);
      const count = all - (this.#taken.get(point) ?? 0);
      this.#taken.set(point, all);
      return count > 0 ? [[point, count] as [number, number]] : [];
    });
  }

  [Symbol.dispose](): void {
    for (const capture of this.#captures) capture[Symbol.dispose]();
  }

  async #open(
    opened: Place,
    open: (take: (packets: readonly CapturedPacket[]) => void) => Promise<Capture>,
  ): Promise<void> {
    const { network, place } = opened;
    const number = this.#captures.length;
    const take = (packets: readonly CapturedPacket[]) =>
      this.queue.add(number, isPort(opened) ? packets.map(asTheContainer) : packets);
    try {
      const capture = await open(take);
      this.#captures.push(capture);
      this.points.push({ network, place, interfaceName: capture.interfaceName });
    } catch (error: unknown) {
      if (isXnetError(error, 'UNSUPPORTED') || isXnetError(error, 'INVALID')) throw error;
      this.notes.push(`${place} in ${network} is not captured: ${errorMessage(error)}`);
    }
  }
}

/** Ports first: in the order in which packets pass on their way out. */
function placesOf({ network: { name, mac, id, vni }, endpoints, lan }: NetworkHere): Place[] {
  const network = { id, vni };
  if (lan) return lanPlacesOf({ id, vni }, { name, mac }, endpoints, lan);
  const ports = endpoints.map((endpoint) => ({
    network: name,
    place: titleOf(endpoint),
    // Of the one that is meant all; of others what they have to do with it.
    wish: { network, at: { endpointId: endpoint.id }, mac: endpoint.mac === mac ? undefined : mac },
  }));
  return [
    ...ports,
    { network: name, place: 'vxlan0', wish: { network, at: 'vxlan', mac } },
    { network: name, place: 'underlay', wish: { network, at: 'underlay', mac } },
  ];
}

/** At the containers, and for each of them at the interface of the host: only its frames, as the others there are none of xnet's. */
function lanPlacesOf(
  network: CaptureWish['network'],
  { name, mac }: { readonly name: string; readonly mac?: string | undefined },
  endpoints: readonly EndpointRecord[],
  { parent, sharesMac, sandboxPathOf }: LanHere,
): Place[] {
  const inContainers = endpoints.flatMap((endpoint): Place[] => {
    const [sandboxPath, [address]] = [sandboxPathOf(endpoint.id), endpoint.addresses];
    if (sandboxPath === undefined || address === undefined) return [];
    const only = sharesMac || endpoint.mac === mac ? undefined : mac;
    const wish = { network, at: { sandboxPath, address }, mac: only };
    return [{ network: name, place: titleOf(endpoint), wish }];
  });
  if (parent === undefined || sharesMac) return inContainers;
  const macs = mac === undefined ? endpoints.map((endpoint) => endpoint.mac) : [mac];
  const onParent = macs.map((each) => {
    const wish = { network, at: { interface: parent }, mac: each };
    return { network: name, place: 'LAN', wish };
  });
  return [...inContainers, ...onParent];
}

/** What of a LAN cannot be captured, and why. */
function notesOf({ network: { name }, endpoints, lan }: NetworkHere): string[] {
  if (!lan) return [];
  const unknown = endpoints.filter(({ id }) => lan.sandboxPathOf(id) === undefined);
  return [
    ...unknown.map(
      (each) => `${titleOf(each)} in ${name} is not captured: its network namespace is not known (yet)`,
    ),
    ...(lan.sharesMac
      ? [`the LAN of ${name} is not captured: its containers have the MAC address of the host's interface`]
      : []),
  ];
}

function titleOf({ id, names }: EndpointRecord): string {
  return names?.container ?? id.slice(0, 12);
}

/** As many as may be, in their order. What all packets of a network to other hosts pass comes before its many ports. */
function choose(places: readonly Place[]): readonly Place[] {
  if (places.length <= MOST_POINTS) return places;
  const [ports, shared] = [places.filter(isPort), places.filter((place) => !isPort(place))];
  const most = Math.max(MOST_POINTS / 2, MOST_POINTS - ports.length);
  const kept = shared.slice(0, most);
  const chosen = new Set([...kept, ...ports.slice(0, MOST_POINTS - kept.length)]);
  return places.filter((place) => chosen.has(place));
}

function isPort({ wish: { at } }: Place): boolean {
  return typeof at === 'object' && 'endpointId' in at;
}

/** What the host gets from a port is what the container sends. */
function asTheContainer(packet: CapturedPacket): CapturedPacket {
  return { ...packet, direction: packet.direction === 'in' ? 'out' : 'in' };
}
