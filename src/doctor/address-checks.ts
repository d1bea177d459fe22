/** Addresses and MACs that somebody has set by hand in a container, and that are another's; what holds containers to their own. Pure. */
import { IpAddress } from '../inet/ip-address.js';
import { Prefix } from '../inet/prefix.js';
import { allWell, failure, type Judgement, wordOfLine } from './finding.js';

/** A container of this host in a network, and what its namespace really has. */
export interface SeenEndpoint {
  readonly container: string;
  readonly network: string;
  readonly subnets: readonly string[];
  /** As recorded: plain addresses. */
  readonly addresses: readonly string[];
  /** It may send from these alone. */
  readonly isBound: boolean;
  readonly mac: string;
  /** File of its network namespace. */
  readonly sandboxPath: string;
  readonly interfaces: readonly {
    readonly name: string;
    readonly mac: string | undefined;
    /** With prefix length. */
    readonly addresses: readonly string[];
  }[];
  /** Who else has it in the network, as "db on h2"; undefined: nobody. */
  readonly holderOf: (addressOrMac: string) => string | undefined;
}

/**
 * An address that nobody has is no fault where containers may send from any: they may share a floating one (keepalived). One that
 * two containers of this host have at a time is.
 */
export function judgeAddresses(endpoints: readonly SeenEndpoint[]): readonly Judgement[] {
  const judged = endpoints.flatMap((endpoint) => [
    ...addedAddresses(endpoint).flatMap((added) => judgeAdded(endpoint, added, endpoints) ?? []),
    ...judgeMac(endpoint),
  ]);
  return allWell(judged, `${endpoints.length} containers have their own addresses and MACs alone`);
}

interface Added {
  /** With prefix length. */
  readonly address: string;
  readonly interfaceName: string;
}

function judgeAdded(
  endpoint: SeenEndpoint,
  { address, interfaceName }: Added,
  all: readonly SeenEndpoint[],
): Judgement | undefined {
  const { container, network, sandboxPath, holderOf, isBound } = endpoint;
  const plain = plainOf(address);
  const isShared = (other: SeenEndpoint) =>
    other !== endpoint &&
    other.network === network &&
    addedAddresses(other).some((each) => plainOf(each.address) === plain);
  const holder = holderOf(plain) ?? all.find(isShared)?.container;
  const remedy = `nsenter --net=${wordOfLine(sandboxPath)} ip addr del ${address} dev ${wordOfLine(interfaceName)}`;
  if (holder === undefined && isBound)
    return failure(
      `network ${network}: container ${container} was not given the address ${plain}, which somebody has set by hand (${interfaceName}): what it sends from it is dropped`,
      `${remedy} # or, if containers are to share it, create the network anew with -o xnet.spoof=allow`,
    );
  if (holder === undefined) return undefined;
  return failure(
    `network ${network}: the address ${plain} of ${holder} is also that of container ${container} here (${interfaceName}), where somebody has set it by hand: ${isBound ? 'what it sends from it is dropped' : 'packets go to either'}`,
    remedy,
  );
}

/** On it some versions of Docker put the address of a service of swarm's, which all its tasks have. */
const LOOPBACK = 'lo';

/** The addresses of the network that the container has and was not given. */
function addedAddresses({ interfaces, subnets, addresses }: SeenEndpoint): Added[] {
  const prefixes = subnets.map((subnet) => Prefix.parse(subnet));
  const outer = interfaces.filter(({ name }) => name !== LOOPBACK);
  return outer.flatMap(({ name: interfaceName, addresses: there }) =>
    there.flatMap((address) => {
      const plain = plainOf(address);
      if (addresses.includes(plain)) return [];
      const isOfNetwork = prefixes.some((prefix) => prefix.contains(IpAddress.parse(plain)));
      return isOfNetwork ? [{ address, interfaceName }] : [];
    }),
  );
}

function judgeMac(endpoint: SeenEndpoint): Judgement[] {
  const { container, network, interfaces, addresses, mac, sandboxPath, holderOf } = endpoint;
  const own = interfaces.find((each) =>
    each.addresses.some((address) => addresses.includes(plainOf(address))),
  );
  if (!own?.mac || own.mac === mac) return [];
  const holder = holderOf(own.mac);
  const whose = holder === undefined ? '' : `, that of ${holder}`;
  return [
    failure(
      `network ${network}: container ${container} has the MAC ${own.mac} (${own.name})${whose}, set by hand, and the other hosts send to ${mac}`,
      `nsenter --net=${wordOfLine(sandboxPath)} ip link set ${wordOfLine(own.name)} address ${mac}`,
    ),
  ];
}

/** What the kernel has of a container in a network that is to send from its own MAC and addresses alone. */
export interface SourceFacts {
  readonly container: string;
  readonly network: string;
  readonly isHeld: boolean;
  /** Packets that were dropped since its rules were written. */
  readonly forged: number;
}

/** A count is no fault: what goes on now is a problem of `xnet status`. */
export function judgeSources(facts: readonly SourceFacts[]): readonly Judgement[] {
  const judged = facts
    .filter(({ isHeld }) => !isHeld)
    .map(({ container, network }) =>
      failure(
        `network ${network}: container ${container} may send from any MAC and address: the rules at its port are gone, or not as xnet has written them`,
        `docker restart ${wordOfLine(container)} # if the daemon runs, and has not written them again within 30 s`,
      ),
    );
  const dropped = facts.flatMap(({ container, network, forged }) =>
    forged > 0 ? [`${forged} packets of ${container} in ${network}`] : [],
  );
  const counted =
    dropped.length === 0 ? '' : `; dropped since their rules were written: ${dropped.join(', ')}`;
  return allWell(judged, `${facts.length} containers send from their own MACs and addresses alone${counted}`);
}

function plainOf(address: string): string {
  return address.replace(/\/.*/, '');
}
