/**
 * Several hosts over one store against a simple model: who holds what. Whatever they do, in whatever order and
 * some of it at once, no address is held twice, and nothing is left when all is given back.
 */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isXnetError } from '../../../src/errors.js';
import type { Ipam } from '../../../src/ipam/ipam.js';
import { Cluster, ip, poolRequest, prefix } from '../../support/ipam/cluster.js';

const HOSTS = ['h1', 'h2', 'h3'];
const host = fc.nat(HOSTS.length - 1);
const pick = fc.nat(1000);

type Step =
  | {
      do: 'pool';
      host: number;
      subnet: string | undefined;
      range: string | undefined;
      name: string | undefined;
    }
  | { do: 'claim'; pick: number; address: number | undefined }
  | { do: 'gateway' | 'release' | 'release-pool' | 'release-stale'; pick: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('pool' as const),
      host,
      subnet: fc.option(fc.constantFrom('10.1.0.0/29', '10.1.0.0/30', '10.2.0.0/29'), { nil: undefined }),
      range: fc.option(fc.constantFrom('10.1.0.4/30', '10.2.0.0/30'), { nil: undefined }),
      name: fc.option(fc.constantFrom('shop', 'shed'), { nil: undefined }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      pick,
      address: fc.option(fc.nat(8), { nil: undefined }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('gateway' as const), pick }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release-stale' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release-pool' as const), pick }) },
);

/** What is done at once; without stale releases, which cannot be told from due ones while the address is claimed anew. */
const rounds = fc.array(
  fc.array(
    step.filter((one) => one.do !== 'release-stale'),
    { maxLength: 12 },
  ),
  { maxLength: 8 },
);

interface Pool {
  readonly host: Ipam;
  readonly poolId: string;
  readonly poolKey: string;
  readonly subnet: string;
  readonly range: string | undefined;
}

class Model {
  readonly pools: Pool[] = [];
  readonly held: { pool: Pool; address: string; purpose: 'endpoint' | 'gateway' }[] = [];
  readonly given: { pool: Pool; address: string }[] = [];
  readonly #hosts: Ipam[];
  readonly #asked = new Set<Pool>();

  constructor(hosts: Ipam[]) {
    this.#hosts = hosts;
  }

  async run(step: Step): Promise<void> {
    if (step.do === 'pool') return this.#requestPool(step);
    if (step.do === 'claim') return this.#claim(step.pick, step.address);
    if (step.do === 'gateway') return this.#gateway(step.pick);
    if (step.do === 'release-pool') return this.#releasePool(step.pick);
    const list = step.do === 'release' ? this.held : this.given;
    const one = list[step.pick % list.length];
    if (!one) return;
    if (step.do === 'release') this.held.splice(this.held.indexOf(one as never), 1);
    if (step.do === 'release') this.given.push(one);
    if (
      step.do === 'release-stale' &&
      this.held.some((other) => other.pool === one.pool && other.address === one.address)
    )
      return;
    await one.pool.host.releaseAddress(one.pool.poolId, ip(one.address));
  }

  async releaseAll(): Promise<void> {
    while (this.pools.length > 0) await this.#releasePool(0);
  }

  check(): void {
    const endpoints = this.held.filter(({ purpose }) => purpose === 'endpoint').map(place);
    expect(new Set(endpoints).size).toBe(endpoints.length);
    const gateways = this.held.filter(({ purpose }) => purpose === 'gateway').map(place);
    expect(gateways.filter((gateway) => endpoints.includes(gateway))).toEqual([]);
  }

  async #requestPool({ host, subnet, range, name }: Extract<Step, { do: 'pool' }>): Promise<void> {
    const ipam = this.#hosts[host]!;
    const more = { ...(range ? { range: prefix(range) } : {}), ...(name ? { networkName: name } : {}) };
    const made = await ipam
      .requestPool(poolRequest(subnet, more))
      .catch(expectCode('INVALID', 'IN_USE', 'EXISTS', 'EXHAUSTED'));
    if (made)
      this.pools.push({
        host: ipam,
        poolId: made.poolId,
        poolKey: made.poolKey,
        subnet: `${made.subnet}`,
        range,
      });
  }

  async #claim(pick: number, offset: number | undefined): Promise<void> {
    const pool = this.pools[pick % this.pools.length];
    if (!pool) return;
    const wanted = offset === undefined ? undefined : ip(pool.subnet.replace(/\.0\/\d+$/, `.${offset}`));
    const claimed = await pool.host
      .requestAddress(pool.poolId, { purpose: 'endpoint', ...(wanted ? { address: wanted } : {}) })
      .catch(expectCode('INVALID', 'IN_USE', 'EXHAUSTED', 'NOT_FOUND'));
    if (!claimed) return;
    expect(prefix(wanted ? pool.subnet : (pool.range ?? pool.subnet)).contains(claimed.address)).toBe(true);
    // Given back meanwhile, with all that it held.
    if (!this.pools.includes(pool)) return;
    this.held.push({ pool, address: `${claimed.address}`, purpose: 'endpoint' });
  }

  /** Once for each pool, as Docker does: asking for a gateway that one has is no second hold on it. */
  async #gateway(pick: number): Promise<void> {
    const pool = this.pools[pick % this.pools.length];
    if (!pool || this.#asked.has(pool)) return;
    this.#asked.add(pool);
    const claimed = await pool.host
      .requestAddress(pool.poolId, { purpose: 'gateway' })
      .catch(expectCode('IN_USE', 'NOT_FOUND'));
    if (!claimed || !this.pools.includes(pool)) return;
    this.held.push({ pool, address: `${claimed.address}`, purpose: 'gateway' });
  }

  async #releasePool(pick: number): Promise<void> {
    const [pool] = this.pools.splice(pick % this.pools.length, 1);
    if (!pool) return;
    for (const one of this.held.filter((other) => other.pool === pool))
      this.held.splice(this.held.indexOf(one), 1);
    await pool.host.releasePool(pool.poolId);
  }
}

const place = ({ pool, address }: { pool: Pool; address: string }) => `${pool.poolKey} ${address}`;

/** Lets refusals of these codes pass; throws anything else. */
function expectCode(...codes: Parameters<typeof isXnetError>[1][]) {
  return (error: unknown): undefined => {
    if (!isXnetError(error, ...codes)) throw error;
  };
}

describe('hosts that share a store', () => {
  test('never hold an address twice, and leave nothing behind, one step after the other', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom(0, 60),
        async (steps, restSeconds) => {
          await using cluster = new Cluster();
          const model = new Model(HOSTS.map((name) => cluster.host(name, { restSeconds })));
          for (const one of steps) {
            await model.run(one);
            model.check();
          }
          await model.releaseAll();
          expect(await cluster.keys()).toEqual([]);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('never hold an address twice, and leave nothing behind, many steps at once', async () => {
    await fc.assert(
      fc.asyncProperty(rounds, async (rounds) => {
        await using cluster = new Cluster();
        const model = new Model(HOSTS.map((name) => cluster.host(name)));
        for (const steps of rounds) {
          await Promise.all(steps.map((one) => model.run(one)));
          model.check();
        }
        await model.releaseAll();
        expect(await cluster.keys()).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test('fill a subnet exactly to its capacity', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 25, max: 30 }),
        fc.array(host, { minLength: 1, maxLength: 3 }),
        async (length, turns) => {
          await using cluster = new Cluster();
          const hosts = HOSTS.map((name) => cluster.host(name));
          const pools = await Promise.all(
            hosts.map((ipam) => ipam.requestPool(poolRequest(`10.1.0.0/${length}`))),
          );
          const claim = (index: number) =>
            hosts[index]!.requestAddress(pools[index]!.poolId, { purpose: 'endpoint' });
          // Less the network, the gateway's place and the broadcast address.
          const capacity = 2 ** (32 - length) - 3;
          const claims = Array.from({ length: capacity }, (_, count) => claim(turns[count % turns.length]!));
          expect(new Set((await Promise.all(claims)).map(({ address }) => `${address}`)).size).toBe(capacity);
          for (const index of [0, 1, 2])
            await expect(claim(index)).rejects.toMatchObject({ code: 'EXHAUSTED' });
        },
      ),
      { numRuns: 15 },
    );
  });
});
