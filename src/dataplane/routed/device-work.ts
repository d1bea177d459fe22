/** The effects on the devices of a routed network. */
import { type Change, type Difference, linesOf } from '../changes.js';
import type { LocalEndpoint, NetworkSpec } from '../dataplane.js';
import { namespaceName } from '../interface-names.js';
import {
  type BatchFailure,
  type BatchOptions,
  type Iproute2,
  isAbsent,
  isPortTaken,
  isPresent,
  isVniTaken,
} from '../iproute2/iproute2.js';
import type { OwnWork } from '../iproute2/own-work.js';
import { untilGone } from '../kernel/until-gone.js';
import { nameTaken, portTaken, vniTaken } from '../overlay/apply-network.js';
import type { Tunnel } from '../overlay/layout.js';
import { awaitVanished, dressInterface, firstFreeName } from '../sandbox/sandbox-interface.js';
import { tunnelName } from './routed-names.js';

/** Work in the host's namespace for one network. */
export class DeviceWork {
  constructor(
    private readonly networkId: string,
    private readonly host: { readonly iproute2: Iproute2; readonly ownWork: OwnWork },
  ) {}

  /** As Iproute2.batch. */
  ip(lines: readonly string[], options?: BatchOptions): Promise<readonly BatchFailure[]> {
    return this.#run(lines, () =>
      this.host.iproute2.batch('ip', undefined, lines, { ...options, isFrequent: true }),
    );
  }

  /** Throws IN_USE when another device has the VNI, or another socket the UDP port. */
  async makeTunnel(change: Change, network: NetworkSpec, tunnel: Tunnel): Promise<void> {
    await this.ip(linesOf([change], 'clear'), { tolerate: isAbsent });
    // One that is gone may linger.
    const isTaken = await untilGone(async () => {
      const tolerate = (failure: BatchFailure) =>
        isVniTaken(failure) || isPortTaken(failure) || isAbsent(failure);
      const [failure] = await this.ip(linesOf([change], 'ip'), { tolerate });
      if (failure && isPortTaken(failure)) throw portTaken(tunnel);
      return failure;
    });
    if (isTaken) throw vniTaken(network, tunnel);
  }

  /** FDB entries of the tunnel. */
  async setEntries(differences: readonly Difference<string>[]): Promise<void> {
    const device = tunnelName(this.networkId);
    const lines = differences.map(({ key, observed, desired }) => {
      const mac = key.split(' ')[1];
      return desired === undefined
        ? `fdb del ${mac} dev ${device} dst ${observed}`
        : `fdb replace ${mac} dev ${device} dst ${desired}`;
    });
    await this.#run(lines, () =>
      this.host.iproute2.batch('bridge', undefined, lines, {
        tolerate: (failure) => failure.line.startsWith('fdb del') && isAbsent(failure),
      }),
    );
  }

  /** Makes pairs, or completes what is there of them. Throws IN_USE when a stranger's interface has the name of one. */
  async attach(changes: readonly Change[]): Promise<void> {
    const tolerate = (failure: BatchFailure) => isPresent(failure) || isAbsent(failure);
    const look = async () => {
      const failures = await this.ip(linesOf(changes, 'ip'), { tolerate });
      // A pair being there already is the only failure of an endpoint that is attached.
      return failures.find((failure) => !isPresent(failure))?.line.split(' ')[2];
    };
    // The container's end of a pair that is gone may linger while the kernel deletes it.
    const taken = changes.length > 1 ? await look() : await untilGone(look);
    if (taken !== undefined) throw nameTaken(taken.replace(/^xr/, 'xc'), this.networkId);
  }

  /** As attachAgain of overlay/apply-network.ts. */
  async attachAgain(
    change: Change,
    endpoint: LocalEndpoint & { readonly sandboxPath: string },
    formerName: string | undefined,
  ): Promise<void> {
    const others = await awaitVanished(endpoint.sandboxPath, endpoint.mac);
    try {
      await this.attach([change]);
      await dressInterface(endpoint.sandboxPath, endpoint, formerName ?? firstFreeName(others));
    } catch (error: unknown) {
      // Half of it would pass for right at the next look.
      await this.remove([change.object]).catch(() => {});
      throw error;
    }
  }

  /** Each with its peer, wherever that is. Absent is success. */
  async remove(names: readonly string[], { isFrequent = true } = {}): Promise<void> {
    const lines = names.map((name) => `link del ${name}`);
    await this.#run(lines, () =>
      this.host.iproute2.batch('ip', undefined, lines, {
        tolerate: isAbsent,
        lane: 'removal',
        isFrequent,
      }),
    );
  }

  #run<T>(lines: readonly string[], work: () => Promise<T>): Promise<T> {
    return this.host.ownWork.run(namespaceName(this.networkId), work, lines);
  }
}
