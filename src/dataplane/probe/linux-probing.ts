/** src/dataplane/probe: sends the packets of `xnet trace`, and looks for them. Not in here: what it means where they are not seen. */
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage, XnetError } from '../../errors.js';
import { listLinks } from '../../native/netlink/links.js';
import { PacketSocket } from '../../native/packets/packet-socket.js';
import { ProbeSocket } from '../../native/packets/probe-socket.js';
import { interfaceName, namespaceName, namespacePath, VXLAN } from '../interface-names.js';
import { readInterfaces, readWay } from '../iproute2/read-namespace.js';
import type { ArmedProbe, ProbeFlow, ProbePlace, ProbeSight, ProbeSite, Probing } from '../probing.js';
import { outerEndName, tunnelName } from '../routed/routed-names.js';
import { ipHeaderAt, probeFilter } from './probe-filter.js';
import { readProbe } from './probe-packet.js';

const PACKETS = 3;
const BETWEEN_MS = 150;
/** How long the kernel may repeat a SYN. */
const REPEATED_MS = 2_000;
/** Headers of a tunnel over IPv6, and those in it. */
const SNAP_BYTES = 192;
/** The filter lets only packets of the probe in. */
const BUFFER_BYTES = 64 << 10;

interface Place {
  readonly namespacePath: string | undefined;
  readonly interfaceName: string;
  /** The packets are in those of a tunnel. */
  readonly isOuter: boolean;
}

/** `hostNamespace`: name of the namespace that is "the host"; undefined: this process's own. */
export function linuxProbing(hostNamespace: string | undefined): Probing {
  return {
    arm: (site, places, flow) => ArmedSockets.arm(hostNamespace, site, places, flow),
    send: (sandboxPath, flow) =>
      send(sandboxPath ?? (hostNamespace === undefined ? undefined : namespacePath(hostNamespace)), flow),
  };
}

async function send(path: string | undefined, flow: ProbeFlow): Promise<string | undefined> {
  const socket = new ProbeSocket(path, flow);
  let refusal: string | undefined;
  for (let sent = 0; sent < PACKETS; sent++) {
    if (sent > 0) await sleep(BETWEEN_MS);
    refusal = socket.send() ?? refusal;
  }
  setTimeout(() => socket[Symbol.dispose](), flow.protocol === 'tcp' ? REPEATED_MS : 0);
  return refusal;
}

class ArmedSockets implements ArmedProbe {
  readonly #sights: ProbeSight[] = [];
  readonly #sockets: PacketSocket[] = [];

  private constructor(private readonly flow: ProbeFlow) {}

  static async arm(
    hostNamespace: string | undefined,
    site: ProbeSite,
    places: readonly ProbePlace[],
    flow: ProbeFlow,
  ): Promise<ArmedProbe> {
    const armed = new ArmedSockets(flow);
    for (const place of places) {
      const at = armed.#sights.push({ place, request: false, answers: [] }) - 1;
      try {
        armed.#open(at, await findPlace(hostNamespace, site, place, flow));
      } catch (error: unknown) {
        armed.#note(at, { refusal: errorMessage(error) });
      }
    }
    return armed;
  }

  seen(): ProbeSight[] {
    return [...this.#sights];
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket[Symbol.dispose]();
  }

  #open(at: number, { namespacePath: path, interfaceName: name, isOuter }: Place): void {
    this.#note(at, { interface: name });
    // Over which family the tunnel goes is not known here: both are looked for.
    for (const family of isOuter ? ([4, 6] as const) : [undefined]) {
      const filter = (linkHeaderBytes: number) => probeFilter(this.flow, linkHeaderBytes, family);
      const limits = { filter, snapBytes: SNAP_BYTES, bufferBytes: BUFFER_BYTES };
      const source = { namespacePath: path, interfaceName: name, ...limits };
      const socket: PacketSocket = new PacketSocket(source, (packets) => {
        const ip = ipHeaderAt(socket.linkHeaderBytes, family);
        for (const { bytes } of packets) this.#take(at, bytes, ip);
      });
      this.#sockets.push(socket);
    }
  }

  #take(at: number, bytes: Buffer, ip: number): void {
    const read = readProbe(bytes, this.flow, ip);
    const { answers } = this.#sights[at] as ProbeSight;
    if (read === 'request') this.#note(at, { request: true });
    else if (read && !answers.includes(read.answer)) this.#note(at, { answers: [...answers, read.answer] });
  }

  #note(at: number, noted: Partial<ProbeSight>): void {
    this.#sights[at] = { ...(this.#sights[at] as ProbeSight), ...noted };
  }
}

/** Throws NOT_FOUND where there is no such place, and what the kernel refuses. */
async function findPlace(
  hostNamespace: string | undefined,
  { sandboxPath, mac, endpoint, isRouted, lan, peer }: ProbeSite,
  place: ProbePlace,
  flow: ProbeFlow,
): Promise<Place> {
  const host = hostNamespace === undefined ? undefined : namespacePath(hostNamespace);
  const { networkId = '', endpointId = '' } = endpoint ?? {};
  const inNetwork = (inHost: string, inOwn: string): Place => ({
    ...{ interfaceName: isRouted ? inHost : inOwn, isOuter: false },
    namespacePath: isRouted ? host : namespacePath(namespaceName(networkId)),
  });
  if (place === 'port') return inNetwork(outerEndName(endpointId), interfaceName(endpointId));
  if (place === 'tunnel') return inNetwork(tunnelName(networkId), VXLAN);
  if (place === 'lan') {
    if (lan === undefined) throw notThere('this host has no interface that leads to the LAN');
    return { namespacePath: host, interfaceName: lan, isOuter: false };
  }
  if (place === 'underlay') {
    const way = await readWay(hostNamespace, peer ?? flow.destination, []);
    if (way.device === undefined) throw notThere(way.refusal ?? 'no route');
    return { namespacePath: host, interfaceName: way.device, isOuter: flow.tunnel !== undefined };
  }
  if (sandboxPath === undefined) throw notThere('the container has no namespace: it does not run');
  if (place === 'interface') return findInterface(sandboxPath, mac, flow);
  const { gateway } = await readWay(sandboxPath, flow.destination, []);
  const ends = await readInterfaces(hostNamespace);
  const end = ends.find(({ addresses }) => addresses.some((each) => each.startsWith(`${gateway}/`)));
  if (!end) throw notThere(`no interface of this host has the container's gateway (${gateway ?? 'none'})`);
  return { namespacePath: host, interfaceName: end.name, isOuter: false };
}

/** That with the MAC; undefined: that of the route to the destination. */
async function findInterface(path: string, mac: string | undefined, flow: ProbeFlow): Promise<Place> {
  const name =
    mac === undefined
      ? (await readWay(path, flow.destination, [])).device
      : (await listLinks(path)).find(({ address }) => address === mac)?.ifname;
  if (name === undefined)
    throw notThere(`no interface${mac === undefined ? ' leads there' : ` with the MAC ${mac}`}`);
  return { namespacePath: path, interfaceName: name, isOuter: false };
}

function notThere(reason: string): XnetError {
  return new XnetError('NOT_FOUND', reason);
}
