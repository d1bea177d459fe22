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
  readonly dataplane: Pick<LanReading, 'lanParent'>;
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
    const found = await Promise.all(this.#parts.local.listNetworks().map(({ record }) => this.#read(record)));
    this.#networks = new Map(found.filter((each) => each !== undefined));
  }

  async #look(): Promise<number> {
    await this.refresh();
    return this.#networks.size > 0 ? CHECK_MS : NEVER_MS;
  }

  async #read({ id, name, mode: recorded }: NetworkRecord): Promise<[string, NetworkOnLan] | undefined> {
    if (!isLan(recorded) || recorded.parent === undefined) return undefined;
    const mode = onHost(recorded, this.#parts.parents);
    const parent = await this.#parts.dataplane.lanParent(mode);
    return [id, { network: name ?? id, named: recorded.parent, mode, parent }];
  }
}
