/**
 * src/agent/lan: the LANs that networks of mode macvlan and ipvlan are on, as this host reaches them. Not in here: what the
 * kernel has of such a network (src/dataplane/lan/).
 */
import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import type { LanParent, LanReading } from '../../dataplane/lan-reading.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { isLan, onHost, type Parents } from '../../driver/networks/lan-plan.js';
import { errorMessage } from '../../errors.js';
import type { NetworkRecord } from '../../model/network.js';
import type { Logger } from '../../observability/logger.js';
import { type NetworkOnLan, parentProblems } from './parent-problems.js';

/** Where the kernel reports nothing: carriers, and interfaces that are renamed. One list of interfaces each time. */
const CHECK_MS = 10_000;

export interface ParentWatchParts {
  readonly local: Pick<LocalNetworks, 'listNetworks'>;
  readonly dataplane: Pick<LanReading, 'lanParents'>;
  readonly parents: Parents | undefined;
  readonly logger: Logger;
}

/** Follows the interfaces of this host that lead to LANs of its networks; without such networks nothing is looked at. */
export class ParentWatch extends Sweep {
  readonly #parts: ParentWatchParts;
  #networks = new Map<string, NetworkOnLan>();

  constructor(parts: ParentWatchParts) {
    super({
      look: () => this.#look(),
      retryMs: CHECK_MS,
      onFailure: (error) =>
        parts.logger.error('cannot read the interfaces of LANs', { error: errorMessage(error) }),
    });
    this.#parts = parts;
  }

  /** For `xnet status` here and on the other hosts; as of the last look. */
  get problems(): readonly string[] {
    return parentProblems([...this.#networks.values()]);
  }

  /** The interface by which this host reaches the network's LAN, as of the last look. */
  findParent(networkId: string): LanParent | undefined {
    return this.#networks.get(networkId)?.parent;
  }

  /** As `findParent`, of a look now. Throws KERNEL. */
  async readParent(networkId: string): Promise<LanParent | undefined> {
    await this.refresh();
    return this.findParent(networkId);
  }

  /** Looks now. Throws KERNEL. */
  async refresh(): Promise<void> {
    const { local, dataplane, parents } = this.#parts;
    const onLans = local.listNetworks().flatMap(({ record }) => onLan(record, parents) ?? []);
    if (onLans.length === 0) return this.#networks.clear();
    const found = await dataplane.lanParents(onLans.map(({ mode }) => mode));
    this.#networks = new Map(onLans.map(({ id, ...network }, i) => [id, { ...network, parent: found[i] }]));
  }

  async #look(): Promise<number> {
    await this.refresh();
    return this.#networks.size > 0 ? CHECK_MS : NEVER_MS;
  }
}

/** Undefined: it is on none that this host would reach by an interface. */
function onLan({ id, name, mode }: NetworkRecord, parents: Parents | undefined) {
  if (!isLan(mode) || mode.parent === undefined) return undefined;
  return { id, network: name ?? id, named: mode.parent, mode: onHost(mode, parents) };
}
