/** Requests over netlink where there are many of them, or where others send to their sockets. */
import { closeSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { RulesetGeneration } from '../../../src/native/netfilter/netfilter.js';
import { listLinks } from '../../../src/native/netlink/links.js';
import { LINUX, sendto, socket } from '../../../src/native/socket-libc.js';
import { inNamespace } from '../../../src/native/socket-namespace.js';
import { Netns } from '../../support/kernel/netns.js';

test('a list of each of many namespaces at once', async () => {
  const lists = await Promise.all(Array.from({ length: 300 }, () => listLinks(undefined)));
  expect(lists.every((links) => links.some(({ ifname }) => ifname === 'lo'))).toBe(true);
});

/** Ports of the netlink sockets of netfilter in the namespace: proc(5), /proc/net/netlink. */
function netfilterPorts(path: string): number[] {
  const text = inNamespace(path, () => readFileSync('/proc/thread-self/net/netlink', 'latin1'));
  return text.split('\n').flatMap((line) => {
    const [, protocol, port] = line.split(/ +/);
    return protocol === `${LINUX.NETLINK_NETFILTER}` && port !== '0' ? [Number(port)] : [];
  });
}

test.each([
  ['of no length', Buffer.from([0, 0, 0, 0, 0, 10, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
  ['cut off', Buffer.from([64, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
])('a message %s that a container sends to a socket of ours in it is not read', async (_, message) => {
  await using netns = await Netns.create('hostile');
  const path = `/run/netns/${netns.name}`;
  using ruleset = new RulesetGeneration(path);
  const generation = ruleset.read();
  const fd = inNamespace(path, () => socket(LINUX.AF_NETLINK, LINUX.SOCK_RAW, LINUX.NETLINK_NETFILTER));
  try {
    for (const port of netfilterPorts(path)) {
      const to = Buffer.alloc(12);
      to.writeUInt16LE(LINUX.AF_NETLINK, 0);
      to.writeUInt32LE(port, 4);
      sendto(fd, message, message.length, 0, to, to.length);
    }
    expect(generation).toBeDefined();
    expect(ruleset.read()).toBe(generation);
  } finally {
    closeSync(fd);
  }
});
