/**
 * src/agent/encryption: this host's keys, the WireGuard devices by which packets of encrypted networks go to the other hosts, and the
 * change of keys. Guarantee: a device has the keys of the hosts of the cluster and no others. Not in here: networks, which only have
 * other VTEPs when they are encrypted, and the filter that lets their packets go by these devices alone.
 */
import { isDeepStrictEqual } from 'node:util';
import { limitTo } from '../../concurrency/limit.js';
import { SharedRuns } from '../../concurrency/shared-runs.js';
import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import type { Underlay } from '../../dataplane/dataplane.js';
import {
  ENCRYPTION_DEVICES,
  type EncryptionDevice,
  type EncryptionTunnel,
  encryptedUnderlay,
} from '../../dataplane/encryption/encryption.js';
import type { LocalNetworks } from '../../driver/local-networks.js';
import { errorMessage, XnetError } from '../../errors.js';
import { encryptedVtep } from '../../inet/encrypted-vtep.js';
import type { Logger } from '../../observability/logger.js';
import type { RepairLog } from '../../observability/repair-log.js';
import type { HostsView } from '../hosts/hosts-view.js';
import type { EncryptionKeys } from './encryption-keys.js';
import { planTunnels } from './encryption-plan.js';
import { type PeerState, PeerStates } from './peer-states.js';

export interface EncryptionParts {
  readonly hostId: string;
  readonly keys: EncryptionKeys;
  readonly device: EncryptionDevice;
  readonly hosts: Pick<HostsView, 'list'>;
  readonly local: Pick<LocalNetworks, 'listNetworks'>;
  /** As `listUnknownEncrypted`. */
  readonly listUnknown: () => Promise<readonly number[]>;
  readonly underlay: () => Underlay;
  /** UDP port of the first device. */
  readonly port: number;
  /** In seconds; 0: none is sent. */
  readonly keepalive: number;
  readonly repairs: RepairLog;
  readonly logger: Logger;
}

const RETRY_MS = 2_000;
/** What the kernel does not report: a peer that somebody removed. */
const CHECK_MS = 20_000;

/** Keeps the devices as they shall be while this host has an encrypted network, or its kernel one that it does not know. */
export class Encryption extends Sweep {
  readonly #parts: EncryptionParts;
  #states = new PeerStates();
  /** Whose they are. */
  #readDevice: string | undefined;
  /** As the devices were last made; undefined: that is not certain. */
  #ensured: readonly EncryptionTunnel[] | undefined;
  #isRemoved = false;
  /** The kernel has an encrypted network that is not known: without the devices and their routes its packets would leave in clear. */
  #hasUnknown = false;
  /** Of the last try, and when it was: as `performance.now`. */
  #failed: { readonly error: unknown; readonly at: number } | undefined;
  readonly #oneByOne = limitTo(1);
  readonly #makes = new SharedRuns(() => this.#oneByOne(() => this.#make()));

  constructor(parts: EncryptionParts) {
    super({
      look: (isSuspected) => this.#look(isSuspected),
      retryMs: RETRY_MS,
      leastRetryMs: RETRY_MS,
      onFailure: (error) => parts.logger.error('this host does not encrypt', { error: errorMessage(error) }),
    });
    this.#parts = parts;
  }

  /** As encrypted networks see it. */
  get underlay(): Underlay {
    const { hostId, keys, underlay } = this.#parts;
    return encryptedUnderlay(underlay(), encryptedVtep(hostId, keys.all[0]?.slot ?? 0));
  }

  /** The other hosts' keys as the device in use has them, by public key: while keys are changed, the other one counts for itself. */
  get states(): ReadonlyMap<string, PeerState> {
    return this.#states.all;
  }

  /** Names of those that are to be there, also while they are made or looked at; that in use first. */
  get devices(): readonly string[] {
    return this.#isWanted() ? this.#parts.keys.all.map(({ slot }) => ENCRYPTION_DEVICES[slot]) : [];
  }

  /** For `xnet status`, why encrypted networks have no connection. */
  get problems(): readonly string[] {
    return this.failure === undefined ? [] : [errorMessage(this.failure)];
  }

  /** Resolves when this host encrypts. Throws UNSUPPORTED, IN_USE, KERNEL or TIMEOUT where it cannot: no network is to be used then. */
  async require(): Promise<void> {
    if (this.#isThere()) return;
    // Docker's calls come many at once, and a host that cannot encrypt is tried again by looks.
    const { error, at } = this.#failed ?? { at: -Infinity };
    if (performance.now() - at < RETRY_MS) throw error;
    await this.#makes.run();
  }

  /** This host has other keys: the devices have them when this resolves, as far as it has any. Throws as `require`. */
  async apply(): Promise<void> {
    if (this.#isWanted()) await this.#makes.run();
  }

  /** What WireGuard has counted, and when it last agreed on keys. Never rejects. */
  async refresh(): Promise<void> {
    const { device, logger } = this.#parts;
    try {
      const [inUse] = this.devices;
      const peers = inUse === undefined ? [] : await device.read(inUse);
      if (inUse !== this.#readDevice) this.#states = new PeerStates();
      this.#readDevice = inUse;
      this.#states.note(peers, new Date());
    } catch (error: unknown) {
      logger.debug('the peers of the WireGuard device are not read', { error: errorMessage(error) });
    }
  }

  async #look(isSuspected: boolean): Promise<number> {
    if (isSuspected) this.#ensured = undefined;
    this.#hasUnknown = !this.#isKnown() && (await this.#parts.listUnknown()).length > 0;
    const isWanted = this.#isWanted();
    if (!isWanted) {
      await this.#oneByOne(() => this.#remove());
      return NEVER_MS;
    }
    await this.#makes.run();
    await this.refresh();
    return CHECK_MS;
  }

  /** A device that somebody has just removed is reported some time later. */
  #isThere(): boolean {
    const devices = this.#ensured?.map(({ device }) => device) ?? [];
    return devices.length > 0 && this.#parts.device.isThere(devices);
  }

  async #make(): Promise<void> {
    try {
      await this.#ensure();
      this.#failed = undefined;
    } catch (error: unknown) {
      this.#ensured = undefined;
      this.#failed = { error, at: performance.now() };
      throw error;
    }
  }

  async #ensure(): Promise<void> {
    const { hostId, keys, port, keepalive, hosts, device, repairs, logger } = this.#parts;
    const underlay = this.#parts.underlay();
    const all = hosts.list().map(({ host }) => host);
    const wanted = planTunnels({ hostId, keys: keys.all, port, keepalive, underlay, hosts: all });
    refuseNarrow(wanted, underlay);
    const before = this.#ensured;
    this.#isRemoved = false;
    repairs.note(await device.ensure(wanted));
    this.#ensured = wanted;
    if (!before || !isDeepStrictEqual(wanted, before))
      logger.info('encrypted tunnels are set', {
        devices: wanted.map((tunnel) => tunnel.device),
        peers: wanted[0]?.peers.length,
      });
  }

  async #remove(): Promise<void> {
    if (this.#isRemoved) return;
    this.#ensured = undefined;
    await this.#parts.device.remove();
    this.#isRemoved = true;
  }

  #isWanted(): boolean {
    return this.#hasUnknown || this.#isKnown();
  }

  #isKnown(): boolean {
    return this.#parts.local.listNetworks().some(({ record }) => record.protection?.encrypt);
  }
}

/** IPv6 needs as much (RFC 8200), and the tunnels' addresses are of it. */
const LEAST_MTU = 1_280;

function refuseNarrow([tunnel]: readonly EncryptionTunnel[], { interface: name, mtu }: Underlay): void {
  if (!tunnel || tunnel.mtu >= LEAST_MTU) return;
  throw new XnetError(
    'UNSUPPORTED',
    `this host cannot encrypt: the MTU of its underlay ${name} is ${mtu}, and ${mtu - tunnel.mtu + LEAST_MTU} is the least that WireGuard can use for IPv6; raise it, or name another interface (--interface)`,
  );
}
