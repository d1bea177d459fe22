/** Which frames the test of a pair takes: those that routed networks take. */
import { expect, test } from '@jest/globals';
import { LinuxPairs } from '../../../src/dataplane/pairs/linux-pairs.js';
import { testAddress } from '../../../src/dataplane/pairs/test-addresses.js';
import { PacketSocket } from '../../../src/native/packets/packet-socket.js';
import { type TestHost, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { underlayMac } from '../../support/kernel/routed-pair.js';
import { willMakeNamespace } from '../../support/runs/made.js';
import { eventually } from '../../support/time/eventually.js';

const hex = (text: string) => Buffer.from(text.replaceAll(':', ''), 'hex');
const bytesOf = (address: string) => Buffer.from(address.split('.').map(Number));
const ECHO_REPLY = 0;

/** RFC 1071 */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

/** An echo request of IPv4, as the addresses are. */
function echoRequest(source: string, destination: string): Buffer {
  const icmp = hex('0800 0000 0007 0007'.replaceAll(' ', ''));
  icmp.writeUInt16BE(checksum(icmp), 2);
  const header = Buffer.concat([
    hex('4500001c000100004001 0000'.replaceAll(' ', '')),
    bytesOf(source),
    bytesOf(destination),
  ]);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, icmp]);
}

test('a probe with a tag of a VLAN or of a priority is not answered, as no packet of a container would be taken', async () => {
  await using underlay = await TestUnderlay.create(2);
  const [a, b] = underlay.hosts as [TestHost, TestHost];
  const namespace = `${a.netns.name}-pairs`;
  willMakeNamespace(namespace);
  await using device = new LinuxPairs({ hostNamespace: a.netns.name, namespace });
  const [ownMac, mac] = [await underlayMac(a), await underlayMac(b)];
  const host = { vtep: a.vtep, interface: 'eth0', mtu: 1500 };
  await device.ensure({ underlay: host, families: [4], peers: [{ vtep: b.vtep, mac }] });
  const [source, destination] = [testAddress(b.vtep, 4), testAddress(a.vtep, 4)];
  let answers = 0;
  const namespacePath = `/run/netns/${b.netns.name}`;
  using socket = new PacketSocket({ namespacePath, interfaceName: 'eth0', snapBytes: 256 }, (packets) => {
    for (const { bytes, direction } of packets) {
      const isFromIt = bytes.subarray(26, 30).equals(bytesOf(destination));
      if (direction === 'in' && isFromIt && bytes.readUInt8(34) === ECHO_REPLY) answers++;
    }
  });
  const send = (tag: string) =>
    socket.send(Buffer.concat([hex(ownMac), hex(mac), hex(`${tag}0800`), echoRequest(source, destination)]));
  for (const tag of ['81000000', '81000005']) expect(send(tag)).toBe(true);
  expect(send('')).toBe(true);
  await eventually(() => expect(answers).toBeGreaterThan(0), 5_000);
  expect(answers).toBe(1);
  await device.remove();
});
