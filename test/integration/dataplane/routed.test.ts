/** What containers of a routed network on two hosts can and cannot do to each other. */
import { describe, expect, test } from '@jest/globals';
import { RoutedPair } from '../../support/kernel/routed-pair.js';

describe.each([
  { way: 'direct', family: 4 },
  { way: 'tunnel', family: 4 },
  { way: 'direct', family: 6 },
  { way: 'tunnel', family: 6 },
] as const)('by $way over an IPv$family underlay', ({ way, family }) => {
  test('containers reach each other from both sides, with packets of the full MTU of the underlay', async () => {
    await using pair = await RoutedPair.create(way, { family });
    const { first, second } = pair;
    for (const address of second.addresses) expect(await first.netns.reaches(address)).toBe(true);
    for (const address of first.addresses) expect(await second.netns.reaches(address)).toBe(true);
    expect(await first.netns.reaches('10.1.0.3', 5, ['-M', 'do', '-s', '1472'])).toBe(true);
    expect(await first.netns.reaches('fd01::3', 5, ['-M', 'do', '-s', '1452'])).toBe(true);
    expect(await second.netns.reaches('10.1.0.2', 5, ['-s', '9000'])).toBe(true);
  });
});
