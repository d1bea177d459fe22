import { type ListedLink, listLinks } from '../../native/netlink/links.js';
import { type Change, linesOf } from '../changes.js';
import type { NetworkSpec } from '../dataplane.js';
import { type Iproute2, isAbsent, isPresent } from '../iproute2/iproute2.js';
import type { OwnWork } from '../iproute2/own-work.js';
import type { HostNamespace } from '../kernel/host-namespace.js';
import type { LanSpec } from '../modes.js';
import { NetworkNamespace } from '../overlay/network-namespace.js';
import { childMtu, childrenIn } from './children.js';
import { removeGuard } from './host/host-guard.js';
import { LAN_WORK, type Lans } from './lans.js';
import { hostInterfaceName, isHostInterface, WIRE } from './names.js';
import { subInterfaceName } from './parent/find-parent.js';
import { lacking } from './parent/refusals.js';
import { planSegment, releaseLines, type Segment } from './parent/segment.js';

/** What LAN networks need of their host. */
export interface LanHost {
  readonly iproute2: Iproute2;
  readonly ownWork: OwnWork;
  readonly namespace: HostNamespace;
  /** File of the host's namespace; undefined: that of this process. */
  readonly hostPath: string | undefined;
  readonly lans: Lans;
}

interface EnsuredSegment {
  readonly segment: Segment;
  /** What had to be made or put right. */
  readonly changes: readonly Change[];
}

/** What is below the children of one network: the sub-interface of its VLAN, or the wire of a LAN inside the host. */
export class LanDevices {
  readonly #wire: NetworkNamespace;
  /** What the children were on when it was last there. */
  #below: string | undefined;

  constructor(
    private readonly id: string,
    private readonly host: LanHost,
  ) {
    this.#wire = new NetworkNamespace(id, host.iproute2);
  }

  /** Throws NOT_FOUND, IN_USE and UNSUPPORTED when children cannot be on the parent, and KERNEL. */
  async ensure(spec: NetworkSpec, mode: LanSpec, isInUse: () => boolean): Promise<EnsuredSegment> {
    const { parent, vlan } = mode;
    const { lans } = this.host;
    if (parent === undefined) {
      lans.note(this.id, { mode, interfaces: [], parent, isInUse });
      return this.#ensureWire(spec, mode);
    }
    const interfaces = [parent, hostInterfaceName(this.id)];
    if (vlan !== undefined) interfaces.push(subInterfaceName(parent, vlan));
    // It stays known while it is looked for: others ask whether they can be beside it.
    lans.note(this.id, { mode, interfaces, parent: this.#below, isInUse });
    const ensured = await lans.alone(() => this.#ensureInHost(spec, { ...mode, parent }));
    const below = ensured.segment.parent;
    this.#below = below;
    lans.note(this.id, { mode, interfaces: [...interfaces, below], parent: below, isInUse });
    return ensured;
  }

  /** As it is now, without a change to it. Throws NOT_FOUND when it is not whole, and as `ensure`. */
  async find(spec: NetworkSpec, mode: LanSpec): Promise<Segment | undefined> {
    const { parent } = mode;
    if (parent === undefined) return (await this.#ensureWire(spec, mode)).segment;
    const { segment, changes } = planSegment(await this.links(), spec, { ...mode, parent });
    return changes.length === 0 ? segment : undefined;
  }

  /** Of the host's namespace. */
  links(): Promise<ListedLink[]> {
    return listLinks(this.host.hostPath);
  }

  /** Runs lines of `ip` in the host's namespace. */
  async run(lines: readonly string[]): Promise<void> {
    const { iproute2, ownWork } = this.host;
    const tolerate = isPresent;
    if (lines.length > 0)
      await ownWork.run(LAN_WORK, () => iproute2.batch('ip', undefined, lines, { tolerate }));
  }

  /** Also what another process has made of the network. */
  async remove(): Promise<void> {
    const { iproute2, ownWork, lans, hostPath } = this.host;
    await lans.alone(async () => {
      const links = await this.links();
      const own = childrenIn(links, true).filter(({ networkId }) => networkId === this.id);
      const names = [...own.map(({ link }) => link.ifname), hostInterfaceName(this.id)];
      const there = names.filter((name) => links.some(({ ifname }) => ifname === name));
      const lines = [...there.map((name) => `link del ${name}`), ...releaseLines(links, this.id)];
      const batch = () => iproute2.batch('ip', undefined, lines, { tolerate: isAbsent, lane: 'removal' });
      await ownWork.run(LAN_WORK, batch);
      lans.forget(this.id);
      const isLast = !links.some(({ ifname }) => isHostInterface(ifname) && !there.includes(ifname));
      // Its interface may have gone before it, with the parent.
      if (isLast && (lans.isGuarded || there.includes(hostInterfaceName(this.id)))) {
        await removeGuard(hostPath);
        lans.isGuarded = false;
      }
    });
    const links = await this.#wire.findLinks();
    if (!links?.some(({ ifname }) => ifname === WIRE.own)) return;
    await this.#wire.removeLinks([WIRE.own]);
    await iproute2.leave(this.#wire.name);
    await this.#wire.remove();
  }

  async #ensureInHost(
    spec: NetworkSpec,
    mode: LanSpec & { readonly parent: string },
  ): Promise<EnsuredSegment> {
    const { segment, changes, uses } = planSegment(await this.links(), spec, mode);
    try {
      await this.run([...linesOf(changes, 'host'), ...uses]);
    } catch (error: unknown) {
      throw lacking('vlan', error);
    }
    return { segment, changes };
  }

  async #ensureWire(spec: NetworkSpec, mode: LanSpec): Promise<EnsuredSegment> {
    const links = await this.#wire.findLinks();
    const ends = [WIRE.own, WIRE.peer].map((name) => links?.find(({ ifname }) => ifname === name));
    const isWhole = ends.every((end) => end?.flags.includes('UP'));
    if (!isWhole) {
      if (!links) await this.#wire.make();
      const { own, peer } = WIRE;
      const add = `link add ${own} mtu ${spec.mtu} type veth peer name ${peer} mtu ${spec.mtu}`;
      const up = [own, peer].map((name) => `link set ${name} up`);
      await this.#wire.batch([add, ...up], { tolerate: isPresent });
      await this.#wire.giveNumber();
    }
    const was = ends[0] ? 'altered' : 'missing';
    return {
      segment: {
        mode,
        namespace: this.#wire.name,
        parent: WIRE.own,
        mtu: childMtu(spec, ends[0]?.mtu ?? spec.mtu),
      },
      changes: isWhole ? [] : [{ kind: 'wire', object: WIRE.own, was }],
    };
  }
}
