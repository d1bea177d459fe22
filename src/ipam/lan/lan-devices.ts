/**
 * Devices on the LANs of networks that have addresses of their pools: found by asking, and set aside in the store, so that no host gives
 * such an address to a container.
 *
 * An address is asked for before it enters a reserve, and each minute while it is there (`lookAgain`): nobody waits for that. Who is
 * given an address waits for a question only if the last answer is no longer fresh. Of other networks nothing is asked.
 *
 * Limit: a device that is switched off, or does not answer in time, is not found. When it answers later, its address is set aside,
 * or, if a container has it, is a problem of that container's host (agent/local/device-watch.ts).
 */
import { XnetError } from '../../errors.js';
import { IpAddress } from '../../inet/ip-address.js';
import { isForeign, stateOf } from '../../model/address.js';
import { keys } from '../../model/keys.js';
import { parsePoolKey } from '../../model/pool.js';
import { addressKey } from '../address-entry.js';
import type { IpamContext } from '../ipam-context.js';
import type { KnownAddress, PoolView } from '../pools/pool-view.js';
import { AskedAddresses, type Asking, type Device } from './asked-addresses.js';
import { review, setAside } from './set-aside.js';

/** While somebody waits: some ten times what a device on a cable takes. */
const BRIEF: Asking = { waitMs: 30, isForStart: true };
/** While somebody waits for whether a device that has answered still does. */
const AGAIN: Asking = { waitMs: 300, isForStart: true };
/** While nobody waits: what a device takes that sleeps on a radio. */
const AHEAD: Asking = { waitMs: 300, isForStart: false };
/** Addresses that are set aside and asked for at one look; the next look asks for others. */
const MOST_REVIEWED = 512;
/** Commits at a time. */
const COMMITS = 32;
/** A container that had the address on another host answers until its interface is gone; a busy host takes so many questions for it. */
const MOST_AGAIN = 3;

export class LanDevices {
  readonly #asked: AskedAddresses;
  /** Keys of addresses that were chosen for containers whose endpoints are to come. */
  readonly #chosen = new Set<string>();

  constructor(private readonly context: IpamContext) {
    this.#asked = new AskedAddresses(context.lan);
  }

  /**
   * Whether a device has the address, which is about to be given out: then it is set aside. `others`: what comes next, asked for at
   * the same time. Never rejects.
   */
  async isUsed(view: PoolView, address: bigint, others: () => readonly bigint[]): Promise<boolean> {
    if (!this.context.lan.isOnLan(view.poolKey)) return false;
    const key = keyOf(view, address);
    // A device that has answered for an address which may be given out had it before: others have freed it since.
    const isKnownFree = this.#asked.isFresh(key) && this.#asked.deviceOf(key) === undefined;
    if (!isKnownFree) await this.#askFor(view, [address, ...others()], BRIEF);
    // It may be the container that had the address a moment ago.
    if (this.#asked.deviceOf(key) && isResting(view.addresses.get(address)))
      await this.#askFor(view, [address], AGAIN);
    const isUsed = this.#asked.deviceOf(key) !== undefined;
    if (!isUsed) this.#chosen.add(key);
    return isUsed;
  }

  /** Which of the addresses devices have: those are set aside. Nobody else chooses any of them meanwhile. Never rejects. */
  async findUsed(view: PoolView, addresses: readonly bigint[]): Promise<ReadonlySet<bigint>> {
    if (!this.context.lan.isOnLan(view.poolKey)) return new Set();
    await view.whileInFlight(addresses, () => this.#askFor(view, addresses, AHEAD));
    return new Set(addresses.filter((address) => this.#asked.deviceOf(keyOf(view, address))));
  }

  /**
   * Throws IN_USE naming the device, when one has an address that an endpoint is about to get. What was chosen here for the endpoint
   * is not asked for again; what somebody has named is.
   */
  async refuseUsed(wanted: readonly { poolKey: string; address: string }[]): Promise<void> {
    const onLan = wanted.filter(({ poolKey }) => this.context.lan.isOnLan(poolKey));
    await Promise.all(onLan.map(({ poolKey, address }) => this.#refuseUsed(poolKey, address)));
  }

  /**
   * Whether the device of an address that is set aside still answers, for somebody who names the address. True when it cannot be
   * asked. Never rejects.
   */
  async isStillUsed(poolKey: string, address: IpAddress): Promise<boolean> {
    const key = keys.address(poolKey, `${address}`);
    await this.#asked.ask(poolKey, [`${address}`], AGAIN);
    return !this.#asked.isFresh(key) || this.#asked.deviceOf(key) !== undefined;
  }

  /**
   * Asks for what this host has in reserve, and, each ten minutes, for what is set aside: that of a device that is gone for good is
   * freed. Never rejects for the store's sake.
   */
  async lookAgain(): Promise<void> {
    this.#asked.forgetOld();
    // Docker came with no endpoint for these.
    for (const key of this.#chosen) if (!this.#asked.isFresh(key)) this.#chosen.delete(key);
    for (const view of this.context.views.all())
      if (this.context.lan.isOnLan(view.poolKey)) await this.#lookAgainAt(view);
  }

  async #lookAgainAt(view: PoolView): Promise<void> {
    const { hostId } = this.context.host;
    const known = [...view.addresses.values()];
    const isWaiting = ({ record, address }: KnownAddress) =>
      record?.hostId === hostId && stateOf(record) === 'reserved' && !view.stock.handedOut(address);
    const reserve = known.filter(isWaiting);
    const foreign = known
      .filter(({ record, address }) => isForeign(record) && !this.#asked.isKnown(keyOf(view, address)))
      .slice(0, MOST_REVIEWED);
    const addresses = new Set(
      [...reserve, ...foreign].map(({ address }) => address).concat([...view.devices]),
    );
    if (addresses.size > 0) await this.#askFor(view, [...addresses], AHEAD);
    for (const { key, revision, record } of foreign)
      if (this.#asked.isFresh(key) && isForeign(record))
        await review(this.context, { key, revision, record }, this.#asked.deviceOf(key));
  }

  async #refuseUsed(poolKey: string, address: string): Promise<void> {
    const key = keys.address(poolKey, address);
    const wasChosen = this.#chosen.delete(key) && this.#asked.isFresh(key);
    if (!wasChosen) await this.#asked.ask(poolKey, [address], BRIEF);
    for (let again = 0; again < MOST_AGAIN && this.#asked.deviceOf(key); again += 1)
      await this.#asked.ask(poolKey, [address], AGAIN);
    const device = this.#asked.deviceOf(key);
    if (device) throw usedBy(address, device);
  }

  async #askFor(view: PoolView, addresses: readonly bigint[], how: Asking): Promise<void> {
    const { family } = parsePoolKey(view.poolKey).subnet;
    const texts = addresses.map((address) => `${IpAddress.of(family, address)}`);
    await this.#asked.ask(view.poolKey, texts, how);
    const used: { readonly address: bigint; readonly device: Device }[] = [];
    for (const address of addresses) {
      const device = this.#asked.deviceOf(keyOf(view, address));
      if (device) used.push({ address, device });
      else view.devices.delete(address);
    }
    for (let start = 0; start < used.length; start += COMMITS) {
      const some = used.slice(start, start + COMMITS);
      await Promise.all(some.map(({ address, device }) => setAside(this.context, view, address, device)));
    }
  }
}

function isResting(known: KnownAddress | undefined): boolean {
  return known?.record !== undefined && stateOf(known.record) === 'resting';
}

function keyOf({ poolKey }: PoolView, address: bigint): string {
  return addressKey(parsePoolKey(poolKey), address);
}

function usedBy(address: string, { mac, interface: name }: Device): XnetError {
  return new XnetError(
    'IN_USE',
    `address ${address} is used by a device with MAC ${mac} on LAN ${name}; choose another (--ip), or switch it off`,
    { address, deviceMac: mac },
  );
}
