import type { Dataplane } from '../dataplane/dataplane.js';
import type { LocalNetworks } from '../driver/local-networks.js';
import { errorMessage } from '../errors.js';
import type { Logger } from '../observability/logger.js';
import type { HostsView } from './hosts-view.js';

/** Keeps the tunnel filter equal to the hosts of the cluster and the networks of this host. */
export class TunnelGuard {
  readonly #dataplane: Dataplane;
  readonly #hosts: HostsView;
  readonly #local: LocalNetworks;
  readonly #logger: Logger;
  #work: Promise<void> = Promise.resolve();
  #queued = false;

  constructor(dataplane: Dataplane, hosts: HostsView, local: LocalNetworks, logger: Logger) {
    this.#dataplane = dataplane;
    this.#hosts = hosts;
    this.#local = local;
    this.#logger = logger;
  }

  /** Sets the filter anew, soon; several hints at once are one change. */
  hint(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.#work = this.#work.then(() => this.#set());
  }

  async #set(): Promise<void> {
    this.#queued = false;
    const vteps = this.#hosts.list().map(({ host }) => host.vtep);
    const vnis = [...new Set(this.#local.listNetworks().map(({ record }) => record.vni))];
    try {
      await this.#dataplane.setTunnelFilter({ vteps, vnis });
    } catch (error: unknown) {
      this.#logger.error('cannot set the tunnel filter', { error: errorMessage(error) });
    }
  }
}
