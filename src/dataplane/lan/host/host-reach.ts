import { KeyedMutex } from '../../../concurrency/keyed-mutex.js';
import { listAddresses } from '../../../native/netlink/addresses.js';
import { setArpFilter } from '../../../native/netlink/arp-filter.js';
import { type ListedLink, listLinks } from '../../../native/netlink/links.js';
import { listNeighbours } from '../../../native/netlink/neighbours.js';
import { type Change, linesOf } from '../../changes.js';
import type { EndpointSpec } from '../../dataplane.js';
import { interfaceName } from '../../interface-names.js';
import { isAbsent, isPresent } from '../../iproute2/iproute2.js';
import { enterCommand, runProgram } from '../../iproute2/program.js';
import { hasIpv6 } from '../../kernel/kernel-support.js';
import { canHostReach } from '../../lan-reading.js';
import type { LanHost } from '../lan-devices.js';
import { LAN_WORK } from '../lans.js';
import { hostInterfaceName } from '../names.js';
import { noHostReach } from '../parent/refusals.js';
import type { Segment } from '../parent/segment.js';
import { GUARD_TABLE, isGuarded, setGuard } from './host-guard.js';
import { desiredReach, diffReach, planHostInterface, type Reach, readReach } from './host-interface.js';

const NOTHING: Reach = { routes: new Map(), neighbours: new Map(), addresses: new Set() };

/** That the host and its containers in one network reach each other, where the network wants it. */
export class HostReach {
  /** Those to which routes lead, by their interface names. */
  readonly #endpoints = new Map<string, EndpointSpec>();
  readonly #mutex = new KeyedMutex();

  constructor(
    private readonly id: string,
    private readonly host: LanHost,
  ) {}

  /** The host's interface. Resolves to what had to be made or put right. Throws UNSUPPORTED where the mode has none, and KERNEL. */
  async ensure(segment: Segment): Promise<readonly Change[]> {
    const { mode } = segment;
    if (!mode.host) return [];
    if (!canHostReach(mode)) throw noHostReach(mode, this.id);
    // The guard is removed with the last interface of all networks.
    return this.host.lans.alone(() => this.#ensureAlone(segment));
  }

  async #ensureAlone(segment: Segment): Promise<readonly Change[]> {
    const { hostPath, lans, ownWork } = this.host;
    const changes = planHostInterface(await listLinks(hostPath), this.id, segment);
    const guard: Change[] = [];
    if (!(await isGuarded(hostPath))) {
      // Before the interface is there.
      await ownWork.run(LAN_WORK, () => setGuard(hostPath));
      guard.push({ kind: 'host-interface', object: GUARD_TABLE, was: 'missing' });
    }
    lans.isGuarded = true;
    await this.#run(changes);
    if (changes.length > 0) await this.#setUp();
    return [...changes, ...guard];
  }

  async attach(segment: Segment, endpoints: readonly EndpointSpec[]): Promise<void> {
    if (!segment.mode.host) return;
    this.#note(endpoints);
    await this.#inOrder(async () => {
      const { desired } = await this.#look(segment, addressesOf(endpoints));
      await this.#run(diffReach(this.id, NOTHING, desired));
    });
  }

  /** Beside other work: an address may be that of a new endpoint by now, as of a container that was made anew. */
  async detach(names: readonly string[]): Promise<void> {
    const gone = names.flatMap((name) => this.#endpoints.get(name) ?? []);
    for (const name of names) this.#endpoints.delete(name);
    if (gone.length === 0) return;
    await this.#inOrder(async () => {
      const used = addressesOf([...this.#endpoints.values()]);
      const neighbours = new Map([...addressesOf(gone)].filter(([address]) => !used.has(address)));
      const routes = new Map([...neighbours.keys()].map((address) => [address, '']));
      await this.#run(diffReach(this.id, { ...NOTHING, routes, neighbours }, NOTHING));
    });
  }

  /** Also routes to endpoints that were detached while another process was there. */
  async repair(segment: Segment, endpoints: readonly EndpointSpec[]): Promise<readonly Change[]> {
    if (!segment.mode.host) return [];
    this.#note(endpoints);
    return this.#inOrder(async () => {
      const { desired, own, ofInterface } = await this.#look(
        segment,
        addressesOf([...this.#endpoints.values()]),
      );
      const neighbours = (await listNeighbours(this.host.hostPath)).filter((each) => each.interface === own);
      const observed = await readReach(this.host.iproute2, this.id, ofInterface, neighbours);
      const changes = diffReach(this.id, observed, desired);
      await this.#run(changes);
      return changes;
    });
  }

  #note(endpoints: readonly EndpointSpec[]): void {
    for (const endpoint of endpoints) this.#endpoints.set(interfaceName(endpoint.id), endpoint);
  }

  /** What changes routes is done one after the other: programs of one lane go side by side. */
  #inOrder<T>(task: () => Promise<T>): Promise<T> {
    return this.#mutex.run('', task);
  }

  async #look({ mode, parent }: Segment, containers: ReadonlyMap<string, string>) {
    const { hostPath, lans } = this.host;
    const [links, addresses] = await Promise.all([listLinks(hostPath), listAddresses(hostPath)]);
    const indexOf = (name: string) => links.find(({ ifname }: ListedLink) => ifname === name)?.index;
    const of = (index: number | undefined) => addresses.filter((each) => each.interface === index);
    const own = indexOf(hostInterfaceName(this.id));
    if (own !== undefined) lans.noteHostInterface(this.id, own);
    return { desired: desiredReach(mode, containers, of(indexOf(parent))), own, ofInterface: of(own) };
  }

  async #run(changes: readonly Change[]): Promise<void> {
    const { iproute2, ownWork } = this.host;
    const lines = linesOf(changes, 'host');
    const tolerate = (failure: Parameters<typeof isAbsent>[0]) => isPresent(failure) || isAbsent(failure);
    if (lines.length > 0)
      await ownWork.run(LAN_WORK, () => iproute2.batch('ip', undefined, lines, { tolerate }));
  }

  /** Who asks it by ARP for an address of the parent would remember its MAC, at which the guard drops all: so it is up last. */
  async #setUp(): Promise<void> {
    const { hostPath, iproute2, ownWork } = this.host;
    const name = hostInterfaceName(this.id);
    const link = (await listLinks(hostPath)).find(({ ifname }) => ifname === name);
    if (!link) return;
    setArpFilter(hostPath, link.index);
    await refuseAdvertisements(hostPath, name);
    await ownWork.run(LAN_WORK, () => iproute2.batch('ip', undefined, [`link set ${name} up`]));
  }
}

/** Each with the MAC of the endpoint. */
function addressesOf(endpoints: readonly EndpointSpec[]): ReadonlyMap<string, string> {
  return new Map(
    endpoints.flatMap(({ mac, addresses = [] }) => addresses.map((address) => [address, mac] as const)),
  );
}

/** Router advertisements of the LAN are for the parent. Best effort, beside the guard: /proc/sys may be read-only in a plugin's container. */
async function refuseAdvertisements(hostPath: string | undefined, name: string): Promise<void> {
  if (!(await hasIpv6())) return;
  const file = `/proc/sys/net/ipv6/conf/${name}/accept_ra`;
  const [program = '', ...args] = [...enterCommand(hostPath), 'tee', file];
  await runProgram(program, args, '0\n');
}
