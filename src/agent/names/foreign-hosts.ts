import { type Engine, type EngineEvent, prefixesOf } from '../../docker/engine.js';
import type { HostsFiles } from '../../docker/hosts-files.js';
import { hasOurAddresses, OUR_DRIVER } from '../../docker/own-plugin.js';
import { errorMessage } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import type { Prefix } from '../../inet/prefix.js';
import type { Logger } from '../../observability/logger.js';

export interface ForeignHostsParts {
  readonly engine: Pick<Engine, 'state' | 'watchEvents' | 'listNetworks' | 'listContainers'>;
  readonly hostsFiles: Pick<HostsFiles, 'noteDockerVersion' | 'correctOf' | 'removeOf'>;
  readonly logger: Logger;
}

type NetworkEvent = EngineEvent & { readonly type: 'network' };

/**
 * Corrects the hosts files of containers in networks of other drivers (macvlan, bridge ...) with addresses of xnet's.
 * There Docker requests an address from xnet, and only its events show which container got it, some 10 ms before the
 * container runs.
 */
export class ForeignHosts implements AsyncDisposable {
  readonly #stop = new AbortController();
  /** Networks of Docker's, which never change: their subnets where xnet gives the addresses, else undefined. */
  readonly #networks = new Map<string, readonly Prefix[] | undefined>();
  #following: Promise<void> | undefined;

  constructor(private readonly parts: ForeignHostsParts) {}

  start(): void {
    this.#following = this.#follow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  async #follow(): Promise<void> {
    for await (const event of this.parts.engine.watchEvents(this.#stop.signal)) {
      try {
        await this.#take(event);
      } catch (error: unknown) {
        // The engine's state has the failure, for `xnet status`; when Docker answers again, all is looked at again.
        this.parts.logger.debug('cannot follow the networks of other drivers', {
          error: errorMessage(error),
        });
      }
    }
  }

  async #take(event: EngineEvent): Promise<void> {
    if (event.type === 'resync') await this.#resync();
    else if (event.type === 'network' && event.driver !== OUR_DRIVER) await this.#takeNetwork(event);
  }

  async #takeNetwork({ action, networkId, containerId }: NetworkEvent): Promise<void> {
    if (action === 'destroy') this.#networks.delete(networkId);
    else if (!this.#networks.has(networkId)) await this.#list();
    const subnets = this.#networks.get(networkId);
    if (!subnets || containerId === undefined) return;
    const { hostsFiles } = this.parts;
    if (action === 'connect') await hostsFiles.correctOf(containerId);
    if (action === 'disconnect') {
      const isThere = (address: string) => subnets.some((each) => each.contains(IpAddress.parse(address)));
      await hostsFiles.removeOf(containerId, isThere);
    }
  }

  /** What was missed: containers that Docker started at its own start, or while xnet was away. */
  async #resync(): Promise<void> {
    const { engine, hostsFiles } = this.parts;
    if (engine.state.connected) hostsFiles.noteDockerVersion(engine.state.version);
    await this.#list();
    for (const [networkId, subnets] of this.#networks) {
      if (!subnets) continue;
      for (const { id } of await engine.listContainers({ networkId })) await hostsFiles.correctOf(id);
    }
  }

  async #list(): Promise<void> {
    const networks = await this.parts.engine.listNetworks();
    this.#networks.clear();
    for (const network of networks)
      this.#networks.set(network.id, hasOurAddresses(network) ? prefixesOf(network) : undefined);
  }
}
