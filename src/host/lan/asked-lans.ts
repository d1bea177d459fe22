import { errorMessage, isXnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { macFor } from '../../inet/mac-address.js';
import type { LanAnswers, LanQuestions } from '../../ipam/lan/lan-questions.js';
import type { LanMode, Mode } from '../../model/mode.js';
import type { NetworkRecord } from '../../model/network.js';
import { parsePoolKey } from '../../model/pool.js';
import type { Forwarding } from '../forwarding.js';
import type { Foundation } from '../foundation.js';
import { Proxies } from './proxies.js';

type Parts = Pick<Foundation, 'dataplane'> & Pick<Forwarding, 'clusterNetworks' | 'follower' | 'specOf'>;

/** For how many times as long as others a question is asked that tests who answers: routers pause before they answer for others. */
const TEST_TIMES = 3;

/** The LANs of the cluster's networks, by the pools of these; asked in the name of this host. */
export class AskedLans implements LanQuestions {
  readonly #networks = new Map<string, NetworkRecord>();
  /** Network -> why its LAN cannot be asked, though this host has the interface. */
  readonly #failures = new Map<string, string>();
  readonly #proxies = new Proxies();
  /** Called when there is a first one. */
  onFirst: (() => void) | undefined;

  constructor(private readonly parts: Parts) {
    const { clusterNetworks } = parts;
    for (const record of clusterNetworks.records) this.#add(record);
    clusterNetworks.onChange((changes) => {
      const wasAny = this.isAny;
      for (const { before } of changes.values()) if (before?.record) this.#remove(before.record);
      for (const { now } of changes.values()) if (now?.record) this.#add(now.record);
      if (this.isAny && !wasAny) this.onFirst?.();
    });
  }

  /** For `xnet status`. */
  get problems(): readonly string[] {
    const failures = [...this.#failures].map(
      ([network, reason]) =>
        `the LAN of network ${network} is not asked whether devices use its addresses, so a container may get one that is in use: ${reason}`,
    );
    return [...failures, ...this.#proxies.problems];
  }

  get isAny(): boolean {
    return this.#networks.size > 0;
  }

  isOnLan(poolKey: string): boolean {
    return this.#networks.has(poolKey);
  }

  async whoHas(
    poolKey: string,
    addresses: readonly string[],
    waitMs: number,
    isForStart = false,
  ): Promise<LanAnswers | undefined> {
    const record = this.#networks.get(poolKey);
    if (!record) return undefined;
    const name = record.name ?? record.id;
    try {
      const answers = await this.#ask(record, addresses, waitMs, isForStart);
      this.#failures.delete(name);
      if (!answers) return undefined;
      const others = { ...answers, devices: this.#withoutOurs(record, answers) };
      const { subnet } = parsePoolKey(poolKey);
      const ask = (sample: readonly string[]) => this.#ask(record, sample, TEST_TIMES * waitMs);
      return await this.#proxies.leaveOut(name, subnet, { asked: addresses, answers: others }, ask);
    } catch (error: unknown) {
      // The interface has gone since it was looked for, or the network.
      const isGone = isXnetError(error, 'NOT_FOUND') || this.#networks.get(poolKey)?.id !== record.id;
      if (!isGone) this.#failures.set(name, errorMessage(error));
      return undefined;
    }
  }

  async #ask(record: NetworkRecord, addresses: readonly string[], waitMs: number, isForStart = false) {
    const { dataplane, specOf } = this.parts;
    const spec = specOf(record);
    const { mode } = spec;
    if (mode?.kind !== 'macvlan' && mode?.kind !== 'ipvlan') return undefined;
    const network = { id: spec.id, mode };
    const answers = await dataplane.whoHas(network, addresses, waitMs);
    // The interface of the VLAN goes with the network, and a look that is under way must not bring it back.
    if (answers || mode.vlan === undefined || !isForStart) return answers;
    const parent = await dataplane.lanParent(mode);
    if (!parent?.isUp || parent.isMade) return undefined;
    // It is made for the first container, which is to come.
    await dataplane.ensureNetwork(spec);
    return dataplane.whoHas(network, addresses, waitMs);
  }

  /** Also without what a container had a moment ago: its MAC follows from the address, unless the user gave another. */
  #withoutOurs({ id }: NetworkRecord, { devices }: LanAnswers): ReadonlyMap<string, string> {
    const ours = new Set(this.parts.follower.endpointsOf(id)?.map(({ mac }) => mac));
    const isOurs = (address: string, mac: string) =>
      ours.has(mac) || mac === macFor(id, IpAddress.parse(address));
    return new Map([...devices].filter(([address, mac]) => !isOurs(address, mac)));
  }

  #add(record: NetworkRecord): void {
    if (!isAskable(record.mode)) return;
    for (const { poolKey } of record.pools) this.#networks.set(poolKey, record);
  }

  #remove({ id, name, pools }: NetworkRecord): void {
    this.#failures.delete(name ?? id);
    this.#proxies.forget(name ?? id);
    for (const { poolKey } of pools)
      if (this.#networks.get(poolKey)?.id === id) this.#networks.delete(poolKey);
  }
}

/** A network inside each host has no LAN, and one of ipvlan's mode l3 has routers and no ARP. */
function isAskable(mode: Mode | undefined): mode is LanMode {
  if (mode?.kind === 'macvlan') return mode.parent !== undefined;
  return mode?.kind === 'ipvlan' && mode.parent !== undefined && mode.submode === 'l2';
}
