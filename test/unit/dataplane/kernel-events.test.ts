import { describe, expect, test } from '@jest/globals';
import { addressIn, KernelEvents } from '../../../src/dataplane/kernel/kernel-events.js';

const ID = '0123456789ab';
const NAMED = `[nsid current]nsid 3 (iproute2 netns name: xnet-${ID})`;

/** As `ip -d -o monitor` prints it, without what is not looked at. */
const port = (flags: string, rest = 'flood off') =>
  `[nsid 3]4: xc1@if2: <${flags}> mtu 1450 qdisc noqueue master br0 state X group 2 \\    link/ether 02:00:00:00:00:01 brd ff promiscuity 1 \\    veth \\    bridge_slave state forwarding learning off ${rest} hold_timer    0.00`;

function listening(): KernelEvents {
  const events = new KernelEvents();
  events.take(NAMED);
  return events;
}

describe('a line of the monitor', () => {
  test.each([
    ['[nsid 5]12: eth0    inet 10.9.0.7/24 scope global eth0\\       valid_lft forever', '10.9.0.7'],
    ['[nsid 5]12: eth0    inet6 fd00:9::7/64 scope global \\       valid_lft forever', 'fd00:9::7'],
    ['[nsid 5]Deleted 12: eth0    inet 10.9.0.7/24 scope global eth0', undefined],
    ['[nsid current]2: eth0    inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0', undefined],
    [port('UP'), undefined],
  ])('%s: the address that a container has got is %s', (line, address) => {
    expect(addressIn(line)).toBe(address);
  });

  test('of a namespace that is none of ours, or not known, is no hint', () => {
    const events = listening();
    expect(events.take(port('UP').replace('nsid 3', 'nsid 4'))).toBeUndefined();
    expect(events.take('[nsid current]nsid 4 ')).toBeUndefined();
    expect(events.take('netlink receive error No buffer space available (105)')).toBeUndefined();
  });

  test('of another namespace shows that events of all those with a number come', () => {
    const events = listening();
    expect(events.knows(ID)).toBe(false);
    events.take(port('UP').replace('nsid 3', 'nsid 4'));
    expect(events.knows(ID)).toBe(true);
    expect(events.knows('ba9876543210')).toBe(false);
    events.take('[nsid current]Deleted nsid 3');
    expect(events.knows(ID)).toBe(false);
  });

  test.each([
    [
      `8: xr1@xc1: <UP> mtu 1500 qdisc noqueue \\    link/ether 02:00:00:00:00:01 \\    veth \\    alias xnet-${ID}`,
      ID,
    ],
    [`Deleted 8: xr1@NONE: <> mtu 1500 qdisc noop \\    alias xnet-${ID}`, ID],
    [`192.0.2.9 dev xv${ID} lladdr 0e:00:00:00:00:09 NOARP PERMANENT `, ID],
    ['8: veth1@if2: <UP> mtu 1500 qdisc noqueue \\    link/ether 02:00:00:00:00:01 \\    veth', undefined],
    ['192.0.2.9 dev eth0 lladdr 02:00:00:00:00:09 REACHABLE', undefined],
  ])("of the host is a hint where a device is a network's: %s", (line, networkId) => {
    expect(listening().take(`[nsid current]${line}`)).toBe(networkId);
  });

  test('that was lost may have given the number to another namespace: it is noted again', () => {
    const events = listening();
    events.take(port('UP'));
    events.forget();
    expect(events.knows(ID)).toBe(false);
    expect(events.take(port('UP'))).toBeUndefined();
    events.note('3', `xnet-${ID}`);
    expect(events.knows(ID)).toBe(true);
    expect(events.take(port('UP'))).toBe(ID);
  });

  test('is a hint when a device is new, altered or gone, and not when it only has a carrier', () => {
    const events = listening();
    expect(events.take(port('NO-CARRIER,BROADCAST,UP'))).toBe(ID);
    expect(events.take(port('BROADCAST,UP,LOWER_UP'))).toBeUndefined();
    expect(events.take(port('BROADCAST,UP,LOWER_UP', 'flood on'))).toBe(ID);
    expect(events.take(port('BROADCAST', 'flood on'))).toBe(ID);
    expect(events.take(port('BROADCAST', 'flood on').replace(']4', ']Deleted 4'))).toBe(ID);
    expect(events.take(port('BROADCAST', 'flood on'))).toBe(ID);
  });

  test('of a device of which nothing that is compared has changed is of its network all the same', () => {
    const events = listening();
    events.take(port('UP'));
    expect(events.take(port('UP'))).toBeUndefined();
    expect(events.networkOf(port('UP'))).toBe(ID);
    expect(events.networkOf(port('UP').replace('nsid 3', 'nsid 4'))).toBeUndefined();
    expect(events.networkOf('[nsid 3]nsid 2 ')).toBeUndefined();
    expect(events.networkOf(NAMED)).toBeUndefined();
  });

  test('of an FDB entry or a neighbour is a hint, but not of what the kernel itself listens to', () => {
    const events = listening();
    expect(events.take('[nsid 3]Deleted dev vxlan0 lladdr 02:00:00:00:00:09 NOARP ')).toBe(ID);
    expect(events.take('[nsid 3]10.1.0.2 dev br0 FAILED ')).toBe(ID);
    expect(events.take('[nsid 3]Deleted ff02::16 dev br0 lladdr 33:33:00:00:00:16 NOARP ')).toBeUndefined();
    expect(events.take('[nsid 3]224.0.0.22 dev br0 lladdr 01:00:5e:00:00:16 NOARP ')).toBeUndefined();
  });

  test("of the number that a container's namespace has in a network's is no hint: each start and stop has one", () => {
    const events = listening();
    expect(events.take('[nsid 3]nsid 2 ')).toBeUndefined();
    expect(events.take('[nsid 3]Deleted nsid 2 ')).toBeUndefined();
  });

  test("of a namespace that is gone is a hint, and its number is nobody's then", () => {
    const events = listening();
    expect(events.take('[nsid current]Deleted nsid 3 ')).toBe(ID);
    expect(events.take(port('UP'))).toBeUndefined();
  });

  test('is understood for namespaces that were there before', () => {
    const events = new KernelEvents();
    events.note('7', `xnet-${ID}`);
    events.note('8', 'blue');
    expect(events.take(port('UP').replace('nsid 3', 'nsid 7'))).toBe(ID);
    expect(events.take(port('UP').replace('nsid 3', 'nsid 8'))).toBeUndefined();
  });

  // As an alias with line breaks makes them, of an interface in a container with NET_ADMIN.
  test('that is forged costs no room for ever: a network that is not known for it is looked at more often', () => {
    const events = listening();
    events.take(port('UP').replace('nsid 3', 'nsid 4'));
    const forged = (number: number) => `f${`${number}`.padStart(11, '0')}`;
    for (let number = 0; number < 5_000; number++)
      events.take(`[nsid current]nsid 1${number} (iproute2 netns name: xnet-${forged(number)})`);
    expect([4_999, 904, 903].map((number) => events.knows(forged(number)))).toEqual([true, true, false]);
    expect(events.knows(ID)).toBe(false);
    events.take(NAMED);
    expect(events.take(port('UP'))).toBe(ID);
  });
});
