import type { Dataplane } from '../dataplane/dataplane.js';
import type { LocalNetworks } from '../driver/local-networks.js';
import { errorMessage } from '../errors.js';
import type { Logger } from '../observability/logger.js';
import type { HostsView } from './hosts-view.js';

const RETRY_MS = 1000;
/** `nft flush ruleset`, as many a firewall script has it, takes the filter away. */
const ANEW_MS = 20_000;

/** Keeps the tunnel filter equal to the hosts of the cluster and the networks of this host. */
export class TunnelGuard implements AsyncDisposable {
  readonly #dataplane: Dataplane;
  readonly #hosts: HostsView;
  readonly #local: LocalNetworks;
  readonly #logger: Logger;
  #work: Promise<void> = Promise.resolve();
  #queued = false;
  #failure: string | undefined;
  #next: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(dataplane: Dataplane, hosts: HostsView, local: LocalNetworks, logger: Logger) {
    this.#dataplane = dataplane;
    this.#hosts = hosts;
    this.#local = local;
    this.#logger = logger;
  }

  /** Sets the filter anew, soon; several hints at once are one change. */
  hint(): void {
    if (this.#queued || this.#ended) return;
    this.#queued = true;
    this.#work = this.#work.then(() => this.#set());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await this.#work;
    clearTimeout(this.#next);
  }

  /** Never rejects. */
  async #set(): Promise<void> {
    this.#queued = false;
    clearTimeout(this.#next);
    const vteps = this.#hosts.list().map(({ host }) => host.vtep);
    const vnis = [...new Set(this.#local.listNetworks().map(({ record }) => record.vni))];
    try {
      await this.#dataplane.setTunnelFilter({ vteps, vnis });
      this.#failure = undefined;
    } catch (error: unknown) {
      this.#noteFailure(errorMessage(error));
    }
    this.#next = setTimeout(() => this.hint(), this.#failure === undefined ? ANEW_MS : RETRY_MS);
  }

  #noteFailure(failure: string): void {
    if (failure !== this.#failure) this.#logger.error('cannot set the tunnel filter', { error: failure });
    this.#failure = failure;
  }
}
