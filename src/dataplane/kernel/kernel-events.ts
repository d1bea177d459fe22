/**
 * What a line of `ip -d -o monitor link address neigh nsid all-nsid` says, as far as it hints at a change that somebody made.
 * The text of a device is compared with the one before: most events are only of a carrier, as when a container
 * starts. Interface names that the line gives for others (`master`, after `@`) may be those of another namespace.
 */
import type { Underlay } from '../dataplane.js';
import { namespaceName, networkIdOf } from '../interface-names.js';

/** Devices whose text is remembered, of all namespaces; the one without an event for longest goes first. */
const MOST_DEVICES = 4096;

/**
 * Namespaces whose numbers are remembered; the one that was noted first goes first. A line may be forged: an alias of an interface may hold
 * line breaks, and whoever has NET_ADMIN in a container can set it. A network that is not known any more is looked at more often.
 */
const MOST_NETWORKS = 4096;

/** Words of a device's text that are compared, each with the value after it. */
const COMPARED =
  /\b(mtu|group|link\/ether|local|learning|flood|isolated|hairpin|guard|neigh_suppress|mcast_flood|stp_state|mcast_snooping) (\S+)/g;

/** Multicast addresses that the kernel itself listens to. */
const OWN_NEIGHBOUR = /lladdr (33:33|01:00:5e):/;

/** Not to be used: another address takes its place (RFC 4862, section 5.5.4), or it is on trial. */
const UNFIT = / (deprecated|tentative|dadfailed)\b/;

export class KernelEvents {
  /** Number of a namespace in the host's -> network id. */
  readonly #networks = new Map<string, string>();
  readonly #devices = new Map<string, string>();
  #isOfOthers = false;

  /** The network whose namespace the line is of, when it may have been altered. */
  take(line: string): string | undefined {
    const [, where = '', text = ''] = /^\[nsid (\w+)\](.*)$/.exec(line) ?? [];
    if (where === 'current') return this.#takeNamespace(text) ?? this.#takeOfHost(text);
    this.#isOfOthers ||= where !== '';
    const networkId = this.#networks.get(where);
    return networkId !== undefined && this.#isNews(where, text) ? networkId : undefined;
  }

  /**
   * True when events of the network come: its namespace has a number, and events of others than the host's have come, as they
   * do not without CAP_NET_BROADCAST.
   */
  knows(networkId: string): boolean {
    return this.#isOfOthers && [...this.#networks.values()].includes(networkId);
  }

  /** The network of a device that the line is of, also when nothing of what is compared is other: more may be. */
  networkOf(line: string): string | undefined {
    const where = /^\[nsid (\w+)\](?:Deleted )?\d+: /.exec(line)?.[1] ?? '';
    return where === 'current' ? networkInHost(line) : this.#networks.get(where);
  }

  /** Events were lost: numbers may be other namespaces' now, which are to be noted again. */
  forget(): void {
    this.#networks.clear();
    this.#devices.clear();
  }

  /** What is known without an event. */
  note(number: string, namespace: string): void {
    const networkId = networkIdOf(namespace);
    if (networkId === undefined) return;
    this.#networks.set(number, networkId);
    dropOldest(this.#networks, MOST_NETWORKS);
  }

  /** Of devices in the host's namespace that are a network's, by their alias, and of forwarding entries of its tunnel there. */
  #takeOfHost(text: string): string | undefined {
    const networkId = networkInHost(text);
    return networkId !== undefined && this.#isNews('current', text) ? networkId : undefined;
  }

  #takeNamespace(text: string): string | undefined {
    const [, deleted, number, name] =
      /^(Deleted )?nsid (\d+)(?: \(iproute2 netns name: (\S+)\))?/.exec(text) ?? [];
    if (number === undefined) return undefined;
    const known = this.#networks.get(number);
    this.#networks.delete(number);
    for (const key of this.#devices.keys()) if (key.startsWith(`${number} `)) this.#devices.delete(key);
    if (deleted) return known;
    if (name !== undefined) this.note(number, name);
    return undefined;
  }

  #isNews(where: string, text: string): boolean {
    const [, deleted, device] = /^(Deleted )?\d+: ([^\s@:]+)[@:]/.exec(text) ?? [];
    if (device === undefined) return isForwarding(text);
    // The bridge's own word of a port, without its settings; the device's follows.
    if (!text.includes(' qdisc ')) return false;
    const key = `${where} ${device}`;
    const before = this.#devices.get(key);
    this.#devices.delete(key);
    if (deleted) return true;
    const now = essenceOf(text);
    this.#devices.set(key, now);
    dropOldest(this.#devices, MOST_DEVICES);
    return now !== before;
  }
}

function dropOldest(entries: Map<string, string>, most: number): void {
  const [oldest] = entries.keys();
  if (entries.size > most && oldest !== undefined) entries.delete(oldest);
}

function networkInHost(text: string): string | undefined {
  const [, alias, tunnel] = /\balias (xnet-[0-9a-f]{12})\b|\bdev xv([0-9a-f]{12})\b/.exec(text) ?? [];
  return networkIdOf(alias ?? namespaceName(tunnel ?? ''));
}

/** Of an FDB entry or a neighbour; what else has no device is of the namespaces of containers that come and go. */
function isForwarding(text: string): boolean {
  return /\bdev \S/.test(text) && !OWN_NEIGHBOUR.test(text);
}

function essenceOf(text: string): string {
  const [, flags = ''] = /<([^>]*)>/.exec(text) ?? [];
  const kept = flags.split(',').filter((flag) => flag === 'UP' || flag === 'NOARP');
  const words = [...text.matchAll(COMPARED)].map(([word]) => word);
  return [...kept, text.includes(' master '), ...words].join(' ');
}

/** The address that an interface of another namespace than the host's has got. Pure. */
export function addressIn(line: string): string | undefined {
  return /^\[nsid \d+\]\d+: \S+\s+inet6? ([\da-f.:]+)[/ ]/.exec(line)?.[1];
}

/**
 * Whether a line says that the underlay may not be what it was: its address is
 * gone, or its interface has another MTU, MAC, number or name. Other addresses that come and go do not matter as long as it is there. Pure.
 */
export function concernsUnderlay(line: string, underlay: Underlay): boolean {
  const [, deleted, index, device, rest = ''] =
    /^\[nsid current\](Deleted )?(\d+): ([^\s@:]+)(.*)$/.exec(line) ?? [];
  if (device === undefined) return false;
  const address = /^\s+inet6? ([^\s/]+)/.exec(rest)?.[1];
  if (address !== undefined) return address === underlay.vtep && (deleted !== undefined || UNFIT.test(rest));
  const isIndexed = Number(index) === underlay.index;
  if (device !== underlay.interface) return isIndexed;
  if (deleted !== undefined) return true;
  const [, mtu, mac] = / mtu (\d+) qdisc (?:.* link\/ether (\S+))?/.exec(rest) ?? [];
  if (mtu === undefined) return false;
  const isAnother = underlay.index !== undefined && !isIndexed;
  const hasOtherMac = mac !== undefined && underlay.mac !== undefined && mac !== underlay.mac;
  return Number(mtu) !== underlay.mtu || isAnother || hasOtherMac;
}
