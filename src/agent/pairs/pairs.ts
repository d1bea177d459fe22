/**
 * src/agent/pairs: which hosts are on this host's segment, so that packets of routed networks go straight to them; all others are
 * reached through the tunnel. It is tested again and again for each host with which this one shares a routed network, and never
 * concluded from addresses. Also while the store is away, since a segment may fail then, too. Not in here: sockets and devices (src/dataplane/pairs/),
 * and how packets are forwarded (src/agent/forwarding/).
 */
import { isDeepStrictEqual } from 'node:util';
import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import type { Underlay } from '../../dataplane/dataplane.js';
import type { Family, PairDevice, Reach, WantedPairs } from '../../dataplane/pairs.js';
import type { Echoes } from '../../dataplane/paths.js';
import { errorMessage } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';
import type { HostLinks, SegmentLink } from '../forwarding/forwarding-plan.js';
import type { FollowedPair, PairPeer, PairState } from './followed-pair.js';
import { PairProbes } from './pair-probes.js';
import type { Tested } from './pair-words.js';

export interface PairsParts {
  readonly device: PairDevice;
  /** As `testAddress` of dataplane/pairs/test-addresses.ts. */
  readonly testAddressOf: (vtep: string, family: Family) => string;
  /** The hosts with which this one shares a routed network, and to which it can send, always in the same order. */
  readonly peers: () => readonly PairPeer[];
  readonly tested: () => Tested;
  readonly underlay: () => Underlay;
  readonly vtepOf: (hostId: string) => string | undefined;
  readonly logger: Logger;
}

const RETRY_MS = 5_000;
/** What the kernel has said of a host that is not tested holds so long. */
const LOOKED_UP_MS = 1_000;
/** ARP and ND have found a host that is there by then, mostly within a millisecond. */
const RESOLVED_MS = 100;
const MOST_RESOLVING = 20;
/** The device is looked at again while a host on the segment does not answer: others may have altered it. */
const DOUBTED_MS = 180_000;

type LinksListener = Parameters<HostLinks['onChange']>[0];

export class Pairs extends Sweep implements HostLinks {
  readonly #parts: PairsParts;
  readonly #probes: PairProbes;
  readonly #listeners = new Set<LinksListener>();
  /** Of hosts that are not tested, by VTEP. */
  readonly #lookedUp = new Map<string, { readonly atMs: number; readonly link: SegmentLink | undefined }>();
  /** Hosts that the kernel looks for -> the next look whether it has found them. */
  readonly #resolving = new Map<string, NodeJS.Timeout>();
  /** Undefined: the device may not be so. */
  #wanted: WantedPairs | undefined;
  #ensuredMs = Number.NEGATIVE_INFINITY;
  /** A pair that was direct does not answer: others may have altered the device. */
  #isDoubted = false;
  /** Nothing is in the kernel. */
  #isRemoved = false;
  readonly #echoes = new Map<Family, Echoes>();

  constructor(parts: PairsParts) {
    super({
      look: (isSuspected) => this.#look(isSuspected),
      retryMs: RETRY_MS,
      leastRetryMs: RETRY_MS,
      onFailure: (error) =>
        parts.logger.warn('which hosts are on the segment is not tested', { error: errorMessage(error) }),
    });
    this.#parts = parts;
    this.#probes = new PairProbes({
      echoes: (family) => (this.#wanted ? this.#echoes.get(family) : undefined),
      testAddressOf: parts.testAddressOf,
      reach: (vtep) => this.#reach(vtep),
      changed: (followed, change) => this.#changed(followed, change),
      left: (hostId) => this.#notify(hostId),
      doubted: () => {
        this.#isDoubted = true;
        this.hint();
      },
    });
  }

  /** By the ids of the hosts. */
  get states(): ReadonlyMap<string, PairState> {
    return new Map(this.#probes.all.map(({ peer, state }) => [peer.id, state]));
  }

  /**
   * Also of hosts that are not tested yet: a daemon that starts shall not forget from whom packets are taken. Where the kernel has to
   * look for the MAC, listeners are called when it has it: the other host may be sending directly.
   */
  linkTo(hostId: string): SegmentLink | undefined {
    const vtep = this.#parts.vtepOf(hostId);
    const followed = this.#probes.find(hostId);
    if (followed?.peer.vtep === vtep) return followed?.link;
    return vtep === undefined ? undefined : this.#lookUp(hostId, vtep);
  }

  onChange(listener: LinksListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    // The kernel goes on as it is.
    this.#listeners.clear();
    this.#probes.stop();
    for (const timer of this.#resolving.values()) clearTimeout(timer);
    this.#closeEchoes();
  }

  async #look(isSuspected: boolean): Promise<number> {
    const { device, peers, tested, underlay } = this.#parts;
    const now = peers();
    this.#probes.follow(now, tested());
    if (now.length === 0) {
      await this.#remove();
      return NEVER_MS;
    }
    const wanted = { underlay: underlay(), families: tested().families, peers: this.#withMac() };
    const isDue = performance.now() - this.#ensuredMs >= DOUBTED_MS && this.#isUnanswered();
    const isAsWanted = device.isThere && isDeepStrictEqual(wanted, this.#wanted);
    if (isSuspected || this.#isDoubted || isDue || !isAsWanted) await this.#ensure(wanted);
    return DOUBTED_MS;
  }

  #isUnanswered(): boolean {
    return this.#probes.all.some(({ pair: { mac, way } }) => mac !== undefined && way === 'tunnel');
  }

  async #ensure(wanted: WantedPairs): Promise<void> {
    const { vtep } = wanted.underlay;
    const isSame = this.#wanted?.underlay.vtep === vtep;
    // If this fails, the next look does it again.
    this.#wanted = undefined;
    this.#isDoubted = false;
    this.#isRemoved = false;
    const isAnother = await this.#parts.device.ensure(wanted);
    if (isAnother || !isSame) this.#closeEchoes();
    for (const family of wanted.families)
      if (!this.#echoes.has(family))
        this.#echoes.set(
          family,
          this.#parts.device.open(vtep, family, (arrival) => this.#probes.take(family, arrival)),
        );
    this.#wanted = wanted;
    this.#ensuredMs = performance.now();
  }

  #withMac(): WantedPairs['peers'] {
    return this.#probes.all.flatMap(({ peer: { vtep }, pair: { mac } }) =>
      mac === undefined ? [] : [{ vtep, mac }],
    );
  }

  /** All endpoints of a host ask for it at once. */
  #lookUp(hostId: string, vtep: string): SegmentLink | undefined {
    const now = performance.now();
    const known = this.#lookedUp.get(vtep);
    if (known && now - known.atMs < LOOKED_UP_MS) return known.link;
    const reach = this.#reach(vtep);
    const mac = reach.kind === 'segment' ? reach.mac : undefined;
    const link = mac === undefined ? undefined : { mac, isDirect: false };
    this.#lookedUp.set(vtep, { atMs: now, link });
    if (reach.kind === 'segment' && !link) this.#resolve(hostId, vtep, MOST_RESOLVING);
    return link;
  }

  #resolve(hostId: string, vtep: string, tries: number): void {
    if (tries === 0 || this.#resolving.has(hostId)) return;
    const look = () => {
      this.#resolving.delete(hostId);
      const reach = this.#reach(vtep);
      if (reach.kind !== 'segment') return;
      if (reach.mac === undefined) return this.#resolve(hostId, vtep, tries - 1);
      this.#lookedUp.delete(vtep);
      this.#notify(hostId);
    };
    this.#resolving.set(hostId, setTimeout(look, RESOLVED_MS).unref());
  }

  #reach(vtep: string): Reach {
    try {
      return this.#parts.device.reach(this.#parts.underlay(), vtep);
    } catch (error: unknown) {
      this.#parts.logger.debug('the kernel does not say where a host is', {
        vtep,
        error: errorMessage(error),
      });
      return { kind: 'segment' };
    }
  }

  #changed({ peer: { id, name: host, vtep }, state }: FollowedPair, change: 'way' | 'mac'): void {
    if (change === 'way')
      this.#parts.logger.info('the way of routed networks to a host has changed', { host, vtep, ...state });
    this.#notify(id);
    this.hint();
  }

  #notify(hostId: string): void {
    for (const listener of this.#listeners) listener(new Set([hostId]));
  }

  #closeEchoes(): void {
    for (const echoes of this.#echoes.values()) echoes[Symbol.dispose]();
    this.#echoes.clear();
  }

  async #remove(): Promise<void> {
    this.#closeEchoes();
    this.#wanted = undefined;
    if (!this.#isRemoved) await this.#parts.device.remove();
    this.#isRemoved = true;
  }
}
