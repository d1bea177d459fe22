import type { Dataplane } from '../../dataplane/dataplane.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage } from '../../errors.js';
import type { Logger } from '../../observability/logger.js';
import type { RepairLog } from '../../observability/repair-log.js';
import type { HostsView } from '../hosts/hosts-view.js';

const RETRY_MS = 1000;
/** `nft flush ruleset`, as many a firewall script has it, takes the filter away. */
const CHECK_MS = 20_000;
/** Such a script goes on for a while. */
const SWARM_MS = 200;

export interface TunnelGuardParts {
  readonly dataplane: Pick<Dataplane, 'setTunnelFilter' | 'repairTunnelFilter'>;
  readonly hosts: Pick<HostsView, 'list'>;
  readonly local: LocalNetworks;
  readonly repairs: RepairLog;
  readonly logger: Logger;
}

/**
 * Keeps the tunnel filter equal to the hosts of the cluster and the networks of this host, and repairs it when others
 * alter it.
 */
export class TunnelGuard implements AsyncDisposable {
  readonly #parts: TunnelGuardParts;
  #work: Promise<void> = Promise.resolve();
  #queued = false;
  #failure: string | undefined;
  #next: NodeJS.Timeout | undefined;
  #suspicion: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(parts: TunnelGuardParts) {
    this.#parts = parts;
  }

  /** Sets the filter anew, soon; several hints at once are one change. */
  hint(): void {
    if (this.#queued || this.#ended) return;
    this.#queued = true;
    this.#work = this.#work.then(() => this.#set());
  }

  /** Somebody may have altered it: it is looked at soon. */
  suspect(): void {
    if (this.#ended) return;
    this.#suspicion ??= setTimeout(() => {
      this.#suspicion = undefined;
      this.#work = this.#work.then(() => this.#check());
    }, SWARM_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#suspicion);
    await this.#work;
    clearTimeout(this.#next);
  }

  /** Never rejects. */
  async #set(): Promise<void> {
    this.#queued = false;
    const { dataplane, hosts, local } = this.#parts;
    const vteps = hosts.list().map(({ host }) => host.vtep);
    const vnis = [...new Set(local.listNetworks().map(({ record }) => record.vni))];
    await this.#attempt(() => dataplane.setTunnelFilter({ vteps, vnis }));
  }

  /** Never rejects. */
  async #check(): Promise<void> {
    // Nothing was set that it could be compared with.
    if (this.#failure !== undefined) return this.#set();
    const { dataplane, repairs } = this.#parts;
    await this.#attempt(async () => repairs.note(await dataplane.repairTunnelFilter()));
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    clearTimeout(this.#next);
    try {
      await work();
      this.#failure = undefined;
    } catch (error: unknown) {
      this.#noteFailure(errorMessage(error));
    }
    this.#next =
      this.#failure === undefined
        ? setTimeout(() => this.suspect(), CHECK_MS)
        : setTimeout(() => this.hint(), RETRY_MS);
  }

  #noteFailure(failure: string): void {
    if (failure !== this.#failure)
      this.#parts.logger.error('cannot set the tunnel filter', { error: failure });
    this.#failure = failure;
  }
}
