import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { IpAddress } from '../../../src/inet/ip-address.js';
import { Prefix } from '../../../src/inet/prefix.js';
import { holdOn } from '../../../src/ipam/hold.js';
import type { KnownAddress } from '../../../src/ipam/pools/pool-view.js';
import {
  chooseForReserve,
  chooseInTurn,
  planLowest,
  planReserve,
  reserveSize,
} from '../../../src/ipam/reserve/reserve-plan.js';
import { type AddressRecord, addressRecord, reserved } from '../../../src/model/address.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord, parseRecord } from '../../../src/model/record.js';

const uses = fc
  .record({ size: fc.integer({ min: 1, max: 70_000 }), part: fc.double({ min: 0, max: 1, noNaN: true }) })
  .chain(({ size, part }) =>
    fc.record({
      size: fc.constant(size),
      used: fc.constant(Math.floor(size * part)),
      hosts: fc.integer({ min: 0, max: 300 }),
    }),
  );

describe('the size of a reserve', () => {
  test('leaves three quarters of what no container has, however many hosts there are', () => {
    fc.assert(
      fc.property(uses, fc.nat(64), (use, wanted) => {
        const size = reserveSize(wanted, use);
        expect(size).toBeLessThanOrEqual(wanted);
        expect(size * use.hosts).toBeLessThanOrEqual((use.size - use.used) / 4);
      }),
    );
  });

  test.each([
    [8, { size: 253, used: 0, hosts: 1 }, 8],
    [8, { size: 253, used: 20, hosts: 7 }, 8],
    [8, { size: 253, used: 150, hosts: 10 }, 2],
    [8, { size: 253, used: 250, hosts: 1 }, 0],
    [8, { size: 61, used: 1, hosts: 3 }, 5],
    [8, { size: 29, used: 0, hosts: 1 }, 0],
    [0, { size: 253, used: 0, hosts: 1 }, 0],
    [8, { size: 253, used: 300, hosts: 1 }, 0],
  ])('of %d wanted with %j is %d', (wanted, use, size) => {
    expect(reserveSize(wanted, use)).toBe(size);
  });
});

describe('what a reserve lacks or has too much of', () => {
  test('is added up to the share, and the latest are given back', () => {
    expect(planReserve(8, 8, [1, 2])).toEqual({ missing: 6, surplus: [] });
    expect(planReserve(8, 3, [1, 2, 3, 4, 5])).toEqual({ missing: 0, surplus: [4, 5] });
    expect(planReserve(8, 0, [1])).toEqual({ missing: 0, surplus: [1] });
  });

  test('does not follow a share that goes up and down with the pool', () => {
    expect(planReserve(8, 5, [1, 2, 3, 4])).toEqual({ missing: 0, surplus: [] });
    expect(planReserve(8, 5, [1, 2])).toEqual({ missing: 3, surplus: [] });
  });
});

describe("the reserve where Docker's own IPAM hands out the addresses", () => {
  const span = { first: 2n, last: 40n };
  const known = (last: number, more: Partial<AddressRecord> = {}) => {
    const record = { ...reserved({ hostId: 'h1', hostName: 'h1' }, 'claim', []), ...more };
    const value = formatRecord(record);
    return { key: keys.address('p', `0.0.0.${last}`), value, revision: 1, createRevision: 1 };
  };
  const plan = (share: number, ...entries: ReturnType<typeof known>[]) => {
    const all = new Map<bigint, KnownAddress>();
    for (const entry of entries) {
      const address = BigInt(entry.key.split('.').pop() ?? '');
      all.set(address, { ...entry, address, record: parseRecord(addressRecord, entry) });
    }
    const { missing, surplus } = planLowest(share, span, 'h1', all);
    return { missing, surplus: surplus.map(({ address }) => address) };
  };

  test('is the lowest that are free or in it, on from the first container', () => {
    const container = { reserve: undefined, endpointId: 'e' };
    const others = { hostId: 'h2', reserve: undefined };
    expect(plan(3, known(5, container), known(6, others), known(7), known(12))).toEqual({
      missing: [8n, 9n],
      surplus: [12n],
    });
    expect(plan(0, known(5, container), known(7))).toEqual({ missing: [], surplus: [7n] });
  });

  test('is nothing for a host without a container, and ends with the pool', () => {
    expect(plan(3, known(5, { hostId: 'h2' }), known(6, { references: ['r'] }))).toEqual({
      missing: [],
      surplus: [],
    });
    expect(plan(3, known(39)).missing).toEqual([40n]);
  });
});

describe('the addresses of a reserve', () => {
  test('are free ones, all different, and as many as wanted or there are', () => {
    const span = { first: 2n, last: 40n };
    const taken = fc.array(fc.bigInt({ min: 2n, max: 40n })).map((list) => new Set(list));
    fc.assert(
      fc.property(
        taken,
        fc.nat(50),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (used, count, random) => {
          const chosen = chooseForReserve(span, (address) => used.has(address), count, random);
          expect(new Set(chosen).size).toBe(chosen.length);
          expect(chosen.every((each) => each >= 2n && each <= 40n && !used.has(each))).toBe(true);
          expect(chosen.length).toBe(Math.min(count, 39 - used.size));
        },
      ),
    );
  });

  test('lie past the middle, and near the beginning of a subnet without end', () => {
    const free = () => false;
    expect(chooseForReserve({ first: 2n, last: 254n }, free, 3, 0)).toEqual([129n, 130n, 131n]);
    expect(chooseForReserve({ first: 2n, last: 254n }, free, 3, 0.999)).toEqual([192n, 193n, 194n]);
    const wide = { first: 2n, last: 1n << 64n };
    expect(chooseForReserve(wide, free, 1, 0.5).every((address) => address < 1n << 16n)).toBe(true);
  });
});

describe('the addresses of the stock', () => {
  const pool = { space: 'xnet-local' as const, subnet: Prefix.parse('10.1.0.0/28') };
  const lasts = (addresses: readonly bigint[]) => addresses.map((address) => Number(address & 255n));
  const address = (last: number) => IpAddress.parse(`10.1.0.${last}`).value;
  const isTaken = (each: bigint) => each === address(4);
  const choose = (count: number, after?: number, more = {}) =>
    lasts(
      chooseInTurn(holdOn(pool, 'r', more), after === undefined ? undefined : address(after), isTaken, count),
    );

  test('are those to which automatic choice comes next, all different', () => {
    expect(choose(3)).toEqual([2, 3, 5]);
    expect(choose(4, 12)).toEqual([13, 14, 2, 3]);
    expect(choose(20)).toEqual([2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  });

  test('are the highest where Docker takes the lowest, and lie in the range', () => {
    expect(choose(3, 5, { highestFirst: true })).toEqual([14, 13, 12]);
    expect(choose(9, 2, { range: Prefix.parse('10.1.0.8/30') })).toEqual([8, 9, 10, 11]);
  });
});
