import { SharedRuns } from '../../concurrency/shared-runs.js';
import { Sweep } from '../../concurrency/sweep.js';
import type { Dataplane } from '../../dataplane/dataplane.js';
import { PATH_VNI } from '../../dataplane/paths.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage } from '../../errors.js';
import { encryptedVtep } from '../../inet/encrypted-vtep.js';
import type { HostRecord } from '../../model/host.js';
import { usesTunnel } from '../../model/mode.js';
import { modeOf } from '../../model/network.js';
import type { Logger } from '../../observability/logger.js';
import type { RepairLog } from '../../observability/repair-log.js';
import type { HostsView } from '../hosts/hosts-view.js';

const RETRY_MS = 1_000;
/** `nft flush ruleset`, as many a firewall script has it, takes the filter away. */
const CHECK_MS = 20_000;

export interface TunnelGuardParts {
  readonly hostId: string;
  readonly dataplane: Pick<Dataplane, 'setTunnelFilter'>;
  readonly hosts: Pick<HostsView, 'list'>;
  readonly local: Pick<LocalNetworks, 'listNetworks'>;
  /** Of all networks of the cluster, as far as they are known; also those that this host has nothing of. */
  readonly clusterVnis: () => readonly number[];
  /** The same of encrypted networks. */
  readonly clusterEncrypted: () => readonly number[];
  /** VNIs of encrypted networks that the kernel has and this host does not know. Throws where that cannot be found out. */
  readonly unknownEncrypted: () => Promise<readonly number[]>;
  readonly repairs: RepairLog;
  readonly logger: Logger;
}

/**
 * Keeps the tunnel filter equal to the hosts and networks of the cluster, and repairs it when others alter it. Networks that this host
 * has nothing of are among them: what a container of this host sends goes on with this host's address, which the other hosts trust.
 */
export class TunnelGuard implements AsyncDisposable {
  readonly #parts: TunnelGuardParts;
  readonly #sweep: Sweep;
  readonly #runs = new SharedRuns(() => this.#set());
  /** VNIs whose packets go and come by WireGuard alone, as the filter was last set; undefined: it may not be in force. */
  #encrypted: ReadonlySet<number> | undefined;

  constructor(parts: TunnelGuardParts) {
    this.#parts = parts;
    this.#sweep = new Sweep({
      look: async () => {
        await this.#runs.run();
        return CHECK_MS;
      },
      retryMs: RETRY_MS,
      onFailure: (error) =>
        parts.logger.error('cannot set the tunnel filter', { error: errorMessage(error) }),
    });
  }

  start(): void {
    this.#sweep.start();
  }

  /** Hosts or networks may be others: the filter is set soon; several hints at once are one change. */
  hint(): void {
    this.#sweep.hint();
  }

  /** Somebody may have altered it: it is looked at soon. */
  suspect(): void {
    this.#encrypted = undefined;
    this.#sweep.suspect();
  }

  /** Resolves when packets of this encrypted network are taken from WireGuard alone. Throws as Dataplane.setTunnelFilter. */
  async require(vni: number): Promise<void> {
    if (!this.#encrypted?.has(vni)) await this.#runs.run();
  }

  /** For `xnet status`: why forged packets may be taken. */
  get problems(): readonly string[] {
    const { failure } = this.#sweep;
    if (failure === undefined) return [];
    return [
      `VXLAN packets that others make by hand may get into networks of this host: its nft table is not set: ${errorMessage(failure)}`,
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweep[Symbol.asyncDispose]();
  }

  async #set(): Promise<void> {
    const { dataplane, local, repairs, clusterVnis, clusterEncrypted, unknownEncrypted } = this.#parts;
    const unknown = await unknownEncrypted();
    const tunnelled = local.listNetworks().filter(({ record }) => usesTunnel(modeOf(record)));
    const networks = new Set([...tunnelled.map(({ record }) => record.vni), ...clusterVnis(), ...unknown]);
    const own = tunnelled.flatMap(({ record }) => (record.protection?.encrypt ? [record.vni] : []));
    const encrypted = new Set([...own, ...clusterEncrypted(), ...unknown]);
    // Paths are measured where there are networks.
    const vnis = networks.size > 0 ? [...networks, PATH_VNI] : [];
    const ofEncrypted = networks.size > 0 && encrypted.size > 0 && { encrypted: [...encrypted] };
    try {
      repairs.note(await dataplane.setTunnelFilter({ vteps: this.#vteps(), vnis, ...ofEncrypted }));
      this.#encrypted = encrypted;
    } catch (error: unknown) {
      this.#encrypted = undefined;
      throw error;
    }
  }

  /** Of the others: what comes with an address of this host's own is of a container that made it by hand. */
  #vteps(): string[] {
    const { hosts, hostId } = this.#parts;
    const all = hosts.list().map(({ host }) => host);
    const own = new Set(all.filter(({ id }) => id === hostId).flatMap(vtepsOf));
    return all.flatMap(vtepsOf).filter((vtep) => !own.has(vtep));
  }
}

/** That of the underlay, and those in encrypted networks. */
function vtepsOf({ id, vtep, encryption = [] }: HostRecord): string[] {
  return [vtep, ...encryption.map(({ slot }) => encryptedVtep(id, slot))];
}
