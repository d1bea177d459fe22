/** Packet sockets see what passes an interface of a namespace: all of it, as it was, and nothing else. */
import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import type { Filter } from '../../../src/native/packets/packet-filter.js';
import type { Packet } from '../../../src/native/packets/packet-receive.js';
import { PacketSocket, type PacketSource } from '../../../src/native/packets/packet-socket.js';
import { Netns } from '../../support/kernel/netns.js';
import { eventually } from '../../support/time/eventually.js';

/** As `tcpdump -ddd -y EN10MB icmp` and `... udp` print it. */
const protocol = (number: number): Filter => [
  { code: 40, jt: 0, jf: 0, k: 12 },
  { code: 21, jt: 0, jf: 3, k: 0x800 },
  { code: 48, jt: 0, jf: 0, k: 23 },
  { code: 21, jt: 0, jf: 1, k: number },
  { code: 6, jt: 0, jf: 0, k: 262144 },
  { code: 6, jt: 0, jf: 0, k: 0 },
];
const ICMP = protocol(1);
const UDP = protocol(17);

const ECHO_REQUEST = 8;
const icmpType = ({ bytes }: Packet) => bytes.readUInt8(34);

/** A cable between the two: 10.77.0.1 on `eth0` of the near one, 10.77.0.2 on the far one. */
async function connect(near: Netns, far: Netns): Promise<void> {
  await near.ip(`link add eth0 type veth peer name eth0 netns ${far.name}`);
  await near.ip('addr add 10.77.0.1/24 dev eth0');
  await far.ip('addr add 10.77.0.2/24 dev eth0');
  for (const each of [near, far]) await each.ip('link set eth0 up');
  await eventually(async () => expect(await near.reaches('10.77.0.2', 1)).toBe(true));
}

function capture(netns: Netns, source: Partial<PacketSource> = {}) {
  const packets: Packet[] = [];
  const path = `/run/netns/${netns.name}`;
  const whole = { namespacePath: path, interfaceName: 'eth0', snapBytes: 0xffff, ...source };
  return { packets, socket: new PacketSocket(whole, (more) => packets.push(...more)) };
}

const ping = (from: Netns, ...options: string[]) =>
  from.exec('ping', '-n', '-c', '3', '-i', '0.05', ...options, '10.77.0.2');

test('both directions, in order, with times, whole; nothing that the filter does not take', async () => {
  await using near = await Netns.create('near');
  await using far = await Netns.create('far');
  await connect(near, far);
  const { packets, socket } = capture(near, { filter: ICMP });
  const others = capture(near, { filter: UDP });
  const before = BigInt(Date.now()) * 1_000_000n;
  await ping(near, '-s', '1000', '-p', 'c0ffee');
  socket[Symbol.dispose]();
  others.socket[Symbol.dispose]();
  const after = BigInt(Date.now() + 1) * 1_000_000n;
  expect(packets.map(({ direction }) => direction)).toEqual(['out', 'in', 'out', 'in', 'out', 'in']);
  expect(packets.map(icmpType)).toEqual([8, 0, 8, 0, 8, 0]);
  const times = packets.map(({ atNs }) => atNs);
  expect(times).toEqual([...times].sort());
  expect([before <= (times[0] ?? 0n), (times.at(-1) ?? after) <= after]).toEqual([true, true]);
  for (const { length, bytes } of packets) {
    expect([length, bytes.length]).toEqual([14 + 20 + 8 + 1000, 14 + 20 + 8 + 1000]);
    expect(bytes.subarray(-6).toString('hex')).toMatch(/c0ffee|ffeec0|eec0ff/);
  }
  expect(others.packets).toEqual([]);
  expect([socket.dropped, others.socket.dropped]).toEqual([0, 0]);
}, 30_000);

test('of a longer packet its first bytes, and its length', async () => {
  await using near = await Netns.create('near');
  await using far = await Netns.create('far');
  await connect(near, far);
  const { packets, socket } = capture(near, { filter: ICMP, snapBytes: 60 });
  await ping(near, '-s', '1000');
  socket[Symbol.dispose]();
  expect(packets.map(({ length, bytes }) => [length, bytes.length])).toEqual(Array(6).fill([1042, 60]));
}, 30_000);

test('a VLAN tag, which the kernel keeps beside the packet, is where it was on the wire', async () => {
  await using near = await Netns.create('near');
  await using far = await Netns.create('far');
  await connect(near, far);
  const { packets, socket } = capture(far);
  // A frame to all, tagged with VLAN 5, of a protocol that nobody answers.
  const frame = 'ffffffffffff0200000000018100000588b5c0ffee';
  await near.exec('node', '-e', sendFrame(frame));
  await eventually(() => expect(packets.length).toBeGreaterThan(0));
  socket[Symbol.dispose]();
  const [tagged] = packets.filter(({ bytes }) => bytes.toString('hex').includes('88b5'));
  expect(tagged?.bytes.toString('hex').slice(0, frame.length)).toBe(frame);
  expect(tagged?.length).toBe(tagged?.bytes.length);
}, 30_000);

test('what comes faster than it is read is dropped and counted, and memory stays bounded', async () => {
  await using near = await Netns.create('near');
  await using far = await Netns.create('far');
  await connect(near, far);
  const { packets, socket } = capture(near, { filter: ICMP, bufferBytes: 8192 });
  // This thread reads nothing meanwhile.
  const flood = ['ping', '-n', '-q', '-c', '200', '-i', '0.001', '10.77.0.2'];
  execFileSync('ip', ['netns', 'exec', near.name, ...flood]);
  await eventually(() => expect(packets.length + socket.dropped).toBe(400));
  socket[Symbol.dispose]();
  expect(socket.dropped).toBeGreaterThan(0);
  expect(packets.length + socket.dropped).toBe(400);
}, 30_000);

test('an interface that goes down gives none until it is up again', async () => {
  await using near = await Netns.create('near');
  await using far = await Netns.create('far');
  await connect(near, far);
  const { packets, socket } = capture(near, { filter: ICMP });
  await near.ip('link set eth0 down');
  await near.ip('link set eth0 up');
  await eventually(async () => expect(await near.reaches('10.77.0.2', 1)).toBe(true));
  socket[Symbol.dispose]();
  expect(packets.some((packet) => icmpType(packet) === ECHO_REQUEST)).toBe(true);
}, 30_000);

test('what is not there is refused, and what is left open is nothing', async () => {
  await using near = await Netns.create('near');
  await using far = await Netns.create('far');
  await connect(near, far);
  const open = (source: Partial<PacketSource>) => () => capture(near, source);
  const gone = { namespacePath: '/run/netns/t-there-is-none' };
  expect(open(gone)).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
  expect(open({ interfaceName: 'eth7' })).toThrow(/there is no interface eth7/);
  expect(open({ snapBytes: 0 })).toThrow(expect.objectContaining({ code: 'INVALID' }));
  expect(open({ filter: [{ code: 0xffff, jt: 0, jf: 0, k: 0 }] })).toThrow(/EINVAL/);
  expect(await near.exec('cat', '/proc/net/packet')).not.toMatch(/\n./);
}, 30_000);

/** A program that sends one frame out of eth0, as socat is not on every machine. */
function sendFrame(hex: string): string {
  const root = new URL('../../../node_modules/koffi/index.js', import.meta.url).href;
  return `import('${root}').then(({ default: koffi }) => {
    const libc = koffi.load(null);
    const fd = libc.func('int socket(int, int, int)')(17, 3, 0);
    const address = Buffer.alloc(20);
    address.writeUInt16LE(17, 0);
    address.writeInt32LE(libc.func('unsigned int if_nametoindex(const char *)')('eth0'), 4);
    const frame = Buffer.from('${hex}'.padEnd(120, '0'), 'hex');
    const sent = libc.func('long sendto(int, uint8_t *, size_t, int, uint8_t *, unsigned int)');
    if (sent(fd, frame, frame.length, 0, address, 20) < 0) process.exit(1);
  })`;
}
