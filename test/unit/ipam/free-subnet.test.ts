import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Prefix } from '../../../src/inet/prefix.js';
import { findFreeSubnet } from '../../../src/ipam/pools/plan-pool.js';
import { nearPrefixes } from '../inet/arbitraries.js';

const parse = (text: string) => Prefix.parse(text);

describe('the choice of a free subnet', () => {
  test('is the lowest one that overlaps no obstacle', () => {
    const pool = { range: parse('10.0.0.0/24'), length: 28 };
    const candidates = Array.from({ length: 16 }, (_, index) => parse(`10.0.0.${index * 16}/28`));
    fc.assert(
      fc.property(fc.array(nearPrefixes, { maxLength: 20 }), (obstacles) => {
        const lowest = candidates.find((subnet) => !obstacles.some((obstacle) => obstacle.overlaps(subnet)));
        expect(`${findFreeSubnet([pool], obstacles)}`).toBe(`${lowest}`);
      }),
    );
  });

  test('goes on to the next default pool when the first is used up', () => {
    const pools = [
      { range: parse('10.0.0.0/24'), length: 24 },
      { range: parse('10.9.0.0/16'), length: 24 },
    ];
    expect(`${findFreeSubnet(pools, [parse('10.0.0.0/25')])}`).toBe('10.9.0.0/24');
  });

  test('works at the very end of the addresses', () => {
    const pools = [{ range: parse('255.255.255.0/24'), length: 25 }];
    expect(`${findFreeSubnet(pools, [parse('255.255.255.0/25')])}`).toBe('255.255.255.128/25');
    expect(findFreeSubnet(pools, [parse('0.0.0.0/0')])).toBeUndefined();
  });
});
