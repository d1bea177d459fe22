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
  readonly dataplane: Pick<Dataplane, 'setTunnelFilter'>;
  readonly hosts: Pick<HostsView, 'list'>;
  readonly local: Pick<LocalNetworks, 'listNetworks'>;
  /** Of all networks of the cluster, as far as they are known; also those that this host has nothing of. */
  readonly clusterVnis: () => readonly number[];
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

  constructor(parts: TunnelGuardParts) {
    this.#parts = parts;
    this.#sweep = new Sweep({
      look: () => this.#look(),
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
    this.#sweep.suspect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sweep[Symbol.asyncDispose]();
  }

  async #look(): Promise<number> {
    const { dataplane, hosts, local, repairs, clusterVnis } = this.#parts;
    const vteps = hosts.list().flatMap(({ host }) => vtepsOf(host));
    const tunnelled = local.listNetworks().filter(({ record }) => usesTunnel(modeOf(record)));
    const networks = new Set([...tunnelled.map(({ record }) => record.vni), ...clusterVnis()]);
    // Paths are measured where there are networks.
    const vnis = networks.size > 0 ? [...networks, PATH_VNI] : [];
    const encrypted = tunnelled.flatMap(({ record }) => (record.protection?.encrypt ? [record.vni] : []));
    const ofEncrypted = encrypted.length > 0 && { encrypted: [...new Set(encrypted)] };
    repairs.note(await dataplane.setTunnelFilter({ vteps, vnis, ...ofEncrypted }));
    return CHECK_MS;
  }
}

/** That of the underlay, and those in encrypted networks. */
function vtepsOf({ id, vtep, encryption = [] }: HostRecord): string[] {
  return [vtep, ...encryption.map(({ slot }) => encryptedVtep(id, slot))];
}
