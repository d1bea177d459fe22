/** The tests of pairs in the kernel of Linux: the namespace `xnet-pairs`, a veth pair to it, and nft rules at the underlay's ingress. */
import { isDeepStrictEqual } from 'node:util';
import { limitTo } from '../../concurrency/limit.js';
import { listAddresses } from '../../native/netlink/addresses.js';
import { linkMac, listLinks } from '../../native/netlink/links.js';
import { ReachQuestions } from '../../native/netlink/reach.js';
import type { Underlay } from '../dataplane.js';
import { namespacePath, PAIRS_DEVICE, PAIRS_NAMESPACE, PAIRS_TABLE } from '../interface-names.js';
import { Iproute2, isAbsent } from '../iproute2/iproute2.js';
import { applyNft } from '../nft/nft.js';
import type { Family, PairDevice, Reach, WantedPairs } from '../pairs.js';
import { EchoNamespace } from '../paths/echo-namespace.js';
import type { Echoes, TakeArrival } from '../paths.js';
import { addDeviceLine, INNER_DEVICE, innerLines, outerLines, ruleLines } from './pair-rules.js';
import { testAddress } from './test-addresses.js';

export interface LinuxPairsOptions {
  /** The network namespace of /run/netns that is "the host". Default: the one this process is in. */
  readonly hostNamespace?: string;
  /** Of /run/netns. Default: `xnet-pairs`. */
  readonly namespace?: string;
}

export class LinuxPairs implements PairDevice {
  readonly #iproute2: Iproute2;
  readonly #limit = limitTo(1);
  readonly #namespace: EchoNamespace;
  readonly #hostPath: string | undefined;
  #questions: ReachQuestions | undefined;

  constructor(private readonly options: LinuxPairsOptions = {}) {
    const { hostNamespace, namespace = PAIRS_NAMESPACE } = options;
    this.#iproute2 = new Iproute2(hostNamespace);
    this.#namespace = new EchoNamespace(this.#iproute2, namespace);
    this.#hostPath = hostNamespace && namespacePath(hostNamespace);
  }

  get isThere(): boolean {
    return this.#namespace.isThere;
  }

  ensure(wanted: WantedPairs): Promise<boolean> {
    return this.#limit(async () => {
      await this.#namespace.ensure();
      const links = await listLinks(this.#hostPath);
      const outer = links.find(({ ifname }) => ifname === PAIRS_DEVICE);
      const isRight = outer !== undefined && (await this.#isInnerRight(wanted));
      if (!isRight) {
        await this.#makeDevice(outer !== undefined);
        await this.#setUp(wanted);
      }
      const underlay = links.find(({ ifname }) => ifname === wanted.underlay.interface);
      await this.#setRules(wanted, underlay && linkMac(underlay));
      // Not before the rules: these are what others flush, and no probe passes meanwhile.
      if (isRight) await this.#setUp(wanted);
      return this.#namespace.noteInode();
    });
  }

  remove(): Promise<void> {
    return this.#limit(async () => {
      const links = await listLinks(this.#hostPath);
      // On most hosts there is no routed network, and this starts no program.
      if (links.some(({ ifname }) => ifname === PAIRS_DEVICE)) {
        await applyNft(this.options.hostNamespace, [
          `add table ${PAIRS_TABLE}`,
          `delete table ${PAIRS_TABLE}`,
        ]);
        // The other end, in the namespace, goes with it.
        await this.#inHost([`link del ${PAIRS_DEVICE}`]);
      }
      await this.#namespace.remove();
    });
  }

  open(ownVtep: string, family: Family, take: TakeArrival): Echoes {
    return this.#namespace.open(testAddress(ownVtep, family), take);
  }

  reach({ index = 0 }: Underlay, vtep: string): Reach {
    this.#questions ??= new ReachQuestions(this.#hostPath);
    const route = this.#questions.routeTo(vtep);
    if (!route) return { kind: 'nowhere' };
    if (route.via !== undefined) return { kind: 'router', via: route.via };
    if (route.interface !== index) return { kind: 'elsewhere' };
    const mac = this.#questions.macOf(index, vtep);
    if (mac === undefined) this.#questions.resolve(index, vtep);
    return { kind: 'segment', mac };
  }

  /** The kernel's state stays: it answers other hosts while no daemon runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#questions?.[Symbol.dispose]();
    this.#questions = undefined;
    await this.#iproute2.close();
  }

  /** It is there, with the test addresses of this host alone: a former VTEP may have left others. */
  async #isInnerRight({ underlay: { vtep }, families }: WantedPairs): Promise<boolean> {
    const wanted = families.map((family) => testAddress(vtep, family)).sort();
    const [links, addresses] = await Promise.all([
      listLinks(this.#namespace.path),
      listAddresses(this.#namespace.path),
    ]);
    const inner = links.find(({ ifname }) => ifname === INNER_DEVICE)?.index;
    const own = addresses.filter((each) => each.interface === inner).map(({ address }) => address);
    return inner !== undefined && isDeepStrictEqual(own.sort(), wanted);
  }

  async #makeDevice(isOuterThere: boolean): Promise<void> {
    if (isOuterThere) await this.#inHost([`link del ${PAIRS_DEVICE}`]);
    else
      await this.#iproute2.batch('ip', this.#namespace.name, [`link del ${INNER_DEVICE}`], {
        tolerate: isAbsent,
      });
    await this.#inHost([addDeviceLine(this.#namespace.name)]);
  }

  async #setUp({ underlay: { mtu, vtep }, families }: WantedPairs): Promise<void> {
    await this.#inHost(outerLines(mtu));
    await this.#iproute2.batch('ip', this.#namespace.name, innerLines(mtu, vtep, families));
  }

  async #setRules({ underlay, families, peers }: WantedPairs, mac: string | undefined): Promise<void> {
    const { vtep, interface: name } = underlay;
    // Of an interface without link headers (WireGuard, tun): nobody is on a segment with it.
    if (!mac) return;
    const lines = ruleLines({ vtep, families, interface: name, mac, peers });
    await applyNft(this.options.hostNamespace, lines);
  }

  async #inHost(lines: readonly string[]): Promise<void> {
    await this.#iproute2.batch('ip', undefined, lines, { tolerate: isAbsent });
  }
}
