/**
 * src/agent/encryption: this host's keys, the WireGuard devices by which packets of encrypted networks go to the other hosts, and the
 * change of keys. Guarantee: a device has the keys of the hosts of the cluster and no others. Not in here: networks, which only have
 * other VTEPs when they are encrypted, and the filter that lets their packets go by these devices alone.
 */
import { isDeepStrictEqual } from 'node:util';
import { NEVER_MS, Sweep } from '../../concurrency/sweep.js';
import type { Underlay } from '../../dataplane/dataplane.js';
import {
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

/** Keeps the devices as they shall be while this host has an encrypted network. */
export class Encryption extends Sweep {
  readonly #parts: EncryptionParts;
  readonly #states = new PeerStates();
  /** As the devices were last made; undefined: that is not certain. */
  #ensured: readonly EncryptionTunnel[] | undefined;
  #isRemoved = false;
  #work: Promise<void> | undefined;

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

  /** The other hosts' keys as the devices have them, by public key. */
  get states(): ReadonlyMap<string, PeerState> {
    return this.#states.all;
  }

  /** For `xnet status`, why encrypted networks have no connection. */
  get problems(): readonly string[] {
    return this.failure === undefined ? [] : [errorMessage(this.failure)];
  }

  /** Resolves when this host encrypts. Throws UNSUPPORTED, IN_USE, KERNEL or TIMEOUT where it cannot: no network is to be used then. */
  async require(): Promise<void> {
    if (this.#ensured && this.#ensured.length > 0 && this.failure === undefined) return;
    await this.#ensure(true);
  }

  /** This host has other keys: the devices have them when this resolves, as far as it has any. Throws as `require`. */
  async apply(): Promise<void> {
    if (this.#isWanted()) await this.#ensure(true);
  }

  /** What WireGuard has counted, and when it last agreed on keys. Never rejects. */
  async refresh(): Promise<void> {
    const { device, logger } = this.#parts;
    try {
      const devices = this.#ensured ?? [];
      const peers = await Promise.all(devices.map((tunnel) => device.read(tunnel.device)));
      this.#states.note(peers.flat(), new Date());
    } catch (error: unknown) {
      logger.debug('the peers of the WireGuard device are not read', { error: errorMessage(error) });
    }
  }

  async #look(isSuspected: boolean): Promise<number> {
    if (isSuspected) this.#ensured = undefined;
    const isWanted = this.#isWanted();
    await this.#ensure(isWanted);
    if (!isWanted) return NEVER_MS;
    await this.refresh();
    return CHECK_MS;
  }

  /** One after the other: calls of Docker's and looks. */
  async #ensure(isWanted: boolean): Promise<void> {
    const before = this.#work ?? Promise.resolve();
    const work = before.catch(() => undefined).then(() => (isWanted ? this.#make() : this.#remove()));
    this.#work = work;
    await work;
  }

  async #make(): Promise<void> {
    const { hostId, keys, port, keepalive, hosts, device, repairs, logger } = this.#parts;
    const underlay = this.#parts.underlay();
    const all = hosts.list().map(({ host }) => host);
    const wanted = planTunnels({ hostId, keys: keys.all, port, keepalive, underlay, hosts: all });
    refuseNarrow(wanted, underlay);
    const before = this.#ensured;
    this.#ensured = undefined;
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
