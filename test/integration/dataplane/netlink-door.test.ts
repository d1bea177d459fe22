/** Requests over netlink where there are many of them, or where others send to their sockets. */
import { expect, test } from '@jest/globals';
import { listLinks } from '../../../src/native/netlink/links.js';

test('a list of each of many namespaces at once', async () => {
  const lists = await Promise.all(Array.from({ length: 300 }, () => listLinks(undefined)));
  expect(lists.every((links) => links.some(({ ifname }) => ifname === 'lo'))).toBe(true);
});
