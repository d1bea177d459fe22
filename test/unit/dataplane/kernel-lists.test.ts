import { expect, test } from '@jest/globals';
import { inTime } from '../../../src/native/netlink/route.js';

test('while the kernel answers no list, all end in time, no more are begun, and the next is answered when it does', async () => {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const stuck = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve) => ends.push(() => resolve(name)));
  };
  const lists = ['a', 'b', 'c'].map((name) => inTime(stuck(name), 'the list of devices', 50));
  const results = await Promise.allSettled(lists);
  expect(results).toMatchObject(
    lists.map(() => ({
      status: 'rejected',
      reason: { code: 'TIMEOUT', message: expect.stringContaining('list of devices') },
    })),
  );
  const next = inTime(async () => 'whole', 'the list of devices', 10_000);
  for (const end of ends) end();
  expect(await next).toBe('whole');
  expect(begun).toEqual(['a', 'b']);
});
