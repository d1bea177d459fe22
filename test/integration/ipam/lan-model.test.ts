/**
 * Several hosts on one LAN, on which devices are switched on and off, whatever the hosts do meanwhile, in whatever order and some of it
 * at once: no address is held twice, none of a device that was always there is given out, and a container keeps what it has.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isXnetError } from '../../../src/errors.js';
import type { Ipam } from '../../../src/ipam/ipam.js';
import { addressRecord, isForeign } from '../../../src/model/address.js';
import { keys } from '../../../src/model/keys.js';
import { findRecord } from '../../../src/model/record.js';
import { Cluster, ip, poolRequest } from '../../support/ipam/cluster.js';
import { LanOfDevices } from '../../support/ipam/lan-of-devices.js';

const SUBNET = '10.1.0.0/28';
const POOL = `xnet-local~${SUBNET}`;
const addressOf = (number: number) => `10.1.0.${number}`;

const number = fc.integer({ min: 2, max: 14 });
const step = fc.record({
  do: fc.constantFrom('claim', 'claim', 'claim', 'name', 'release', 'release', 'on', 'off', 'look'),
  host: fc.nat(2),
  number,
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

class Model {
  readonly held = new Map<string, { ipam: Ipam; poolId: string }>();

  constructor(
    readonly hosts: readonly { ipam: Ipam; poolId: string }[],
    readonly lan: LanOfDevices,
    readonly always: readonly string[],
  ) {}

  async run({ do: what, host: at, number }: Step): Promise<void> {
    const host = this.hosts[at] as { ipam: Ipam; poolId: string };
    const address = addressOf(number);
    if (what === 'claim') await this.#claim(host);
    if (what === 'name') await this.#claim(host, address);
    if (what === 'release') await this.#release([...this.held.keys()][number % Math.max(1, this.held.size)]);
    if (what === 'on') this.lan.devices.set(address, '02:00:00:00:00:0a');
    if (what === 'off' && !this.always.includes(address)) this.lan.devices.delete(address);
    if (what === 'look') await host.ipam.lookAgainAtLans();
  }

  async #claim(host: { ipam: Ipam; poolId: string }, named?: string): Promise<void> {
    const wanted = { purpose: 'endpoint' as const, ...(named !== undefined && { address: ip(named) }) };
    const given = await host.ipam.requestAddress(host.poolId, wanted).catch((error: unknown) => {
      if (isXnetError(error, 'IN_USE', 'EXHAUSTED')) return undefined;
      throw error;
    });
    const address = given && `${given.address}`;
    if (address === undefined) return;
    expect(this.held.has(address)).toBe(false);
    if (named === undefined) expect(this.always).not.toContain(address);
    this.held.set(address, host);
  }

  async #release(address: string | undefined): Promise<void> {
    const host = address === undefined ? undefined : this.held.get(address);
    if (!host || address === undefined) return;
    this.held.delete(address);
    await host.ipam.releaseAddress(host.poolId, ip(address));
  }
}

test('no address of a device is given out, none twice, and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(number, { maxLength: 8 }),
      fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { maxLength: 25 }),
      fc.constantFrom(0, 60),
      async (numbers, rounds, restSeconds) => {
        await using cluster = new Cluster();
        const lan = new LanOfDevices();
        const always = numbers.map(addressOf);
        for (const address of always) lan.devices.set(address, '02:00:00:00:00:09');
        const hosts = await Promise.all(
          ['h1', 'h2', 'h3'].map(async (name) => {
            const ipam = cluster.host(name, { lan, restSeconds });
            return { ipam, poolId: (await ipam.requestPool(poolRequest(SUBNET))).poolId };
          }),
        );
        const model = new Model(hosts, lan, always);
        for (const round of rounds) {
          await Promise.all(round.map((each) => model.run(each)));
          const { entries } = await cluster.store.list(keys.addressesOf(POOL));
          const foreign = entries.filter((entry) => isForeign(findRecord(addressRecord, entry)));
          const addresses = foreign.map(({ key }) => key.split('/').at(-1) ?? '');
          expect(addresses.filter((address) => model.held.has(address))).toEqual([]);
        }
        for (const { ipam, poolId } of hosts) await ipam.releasePool(poolId);
        expect(await cluster.keys()).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
});
