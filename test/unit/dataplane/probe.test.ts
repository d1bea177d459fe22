/** The filter of a probe, run here as the kernel runs it, and what its packets are. */
import { describe, expect, test } from '@jest/globals';
import { ipHeaderAt, probeFilter } from '../../../src/dataplane/probe/probe-filter.js';
import { readProbe } from '../../../src/dataplane/probe/probe-packet.js';
import type { ProbeFlow } from '../../../src/dataplane/probing.js';
import type { Filter } from '../../../src/native/packets/packet-filter.js';

const ICMP: ProbeFlow = { protocol: 'icmp', destination: '10.1.0.3', id: 20_001 };
const TCP: ProbeFlow = { protocol: 'tcp', destination: '10.1.0.3', id: 20_001, port: 80 };
const UDP: ProbeFlow = { ...TCP, protocol: 'udp' };
const ICMP6: ProbeFlow = { ...ICMP, destination: 'fd00::3' };
const TUNNEL = { vni: 0xcb2789, port: 4789 };

/** Loads, comparisons and returns are all that the filters have. */
function takes(filter: Filter, bytes: Buffer, type = 0): boolean {
  let value = 0;
  for (let at = 0; ; at++) {
    const { code, jt, jf, k } = filter[at] as Filter[number];
    if (code === 0x06) return k > 0;
    if (code === 0x15) at += value === k ? jt : jf;
    // What the kernel says of a packet: its type.
    else if (k === 0xfffff000) value = type;
    else {
      const size = code === 0x30 ? 1 : code === 0x28 ? 2 : 4;
      if (k + size > bytes.length) return false;
      value = bytes.readUIntBE(k, size);
    }
  }
}

function packet(protocol: number, transport: readonly number[], family: 4 | 6 = 4): Buffer {
  const ethernet = Buffer.alloc(14);
  ethernet.writeUInt16BE(family === 4 ? 0x0800 : 0x86dd, 12);
  const ip = Buffer.alloc(family === 4 ? 20 : 40);
  ip.writeUInt8(protocol, family === 4 ? 9 : 6);
  return Buffer.concat([ethernet, ip, Buffer.from(transport), Buffer.alloc(40)]);
}

function tunnelled(inner: Buffer, vni: number): Buffer {
  const outer = packet(17, [0xc0, 0x00, 0x12, 0xb5, 0, 0, 0, 0]).subarray(0, 42);
  return Buffer.concat([outer, Buffer.from([8, 0, 0, 0, vni >> 16, vni >> 8, vni, 0]), inner]);
}

const word = (value: number) => [value >> 8, value & 0xff];
const echo = (type: number, id: number) => [type, 0, 0, 0, ...word(id), 0, 1];
const ports = (source: number, destination: number, flags = 2) => [
  ...[...word(source), ...word(destination), 0, 0, 0, 0, 0, 0, 0, 0, 0x50, flags],
];
const unreachable = [3, 3, 0, 0, 0, 0, 0, 0, ...Array<number>(20).fill(0), ...ports(20_001, 80).slice(0, 8)];

describe('of the packets on an interface, a probe takes', () => {
  const cases: [string, ProbeFlow, Buffer, ReturnType<typeof readProbe>][] = [
    ['its echo request', ICMP, packet(1, echo(8, 20_001)), 'request'],
    ['the echo reply', ICMP, packet(1, echo(0, 20_001)), { answer: 'echo reply' }],
    ['its echo request of IPv6', ICMP6, packet(58, echo(128, 20_001), 6), 'request'],
    ['its SYN', TCP, packet(6, ports(20_001, 80)), 'request'],
    ['the SYN-ACK', TCP, packet(6, ports(80, 20_001, 0x12)), { answer: 'accepted' }],
    ['the RST', TCP, packet(6, ports(80, 20_001, 0x14)), { answer: 'refused' }],
    ['its datagram', UDP, packet(17, ports(20_001, 80)), 'request'],
    ['an answer to it', UDP, packet(17, ports(80, 20_001)), { answer: 'answered' }],
    ['an error that quotes it', UDP, packet(1, unreachable), { answer: 'refused' }],
  ];
  test.each(cases)('%s', (_, flow, bytes, read) => {
    const inTunnel = tunnelled(bytes, TUNNEL.vni);
    // With Ethernet's header, and on an underlay without one, such as WireGuard's.
    for (const link of [14, 0]) {
      const without = 14 - link;
      const [plain, outer] = [bytes, inTunnel].map((each) => each.subarray(without)) as [Buffer, Buffer];
      const type = bytes.readUInt16BE(12);
      expect(takes(probeFilter(flow, link), plain, type)).toBe(true);
      expect(readProbe(plain, flow, ipHeaderAt(link))).toEqual(read);
      expect(takes(probeFilter({ ...flow, tunnel: TUNNEL }, link, 4), outer, 0x0800)).toBe(true);
      expect(readProbe(outer, flow, ipHeaderAt(link, 4))).toEqual(read);
    }
  });

  test('none of others', () => {
    for (const bytes of [
      packet(1, echo(8, 20_002)),
      packet(17, ports(20_001, 80)),
      packet(6, ports(20_001, 81)),
      packet(58, echo(128, 20_001), 6),
      Buffer.alloc(20),
    ])
      for (const flow of [ICMP, TCP]) expect(takes(probeFilter(flow, 14), bytes)).toBe(false);
    const ofAnotherNetwork = tunnelled(packet(1, echo(8, 20_001)), 7);
    expect(takes(probeFilter({ ...ICMP, tunnel: TUNNEL }, 14, 4), ofAnotherNetwork)).toBe(false);
    expect(
      takes(
        probeFilter({ ...ICMP, tunnel: TUNNEL }, 14, 6),
        tunnelled(packet(1, echo(8, 20_001)), TUNNEL.vni),
      ),
    ).toBe(false);
  });
});
