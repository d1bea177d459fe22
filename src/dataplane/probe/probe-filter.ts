/** Which packets of an interface may be the probe's: a program of the classic BPF. Pure. */
import { IpAddress } from '../../inet/ip-address.js';
import { type Filter, type Instruction, RETURN } from '../../native/packets/packet-filter.js';
import { ANCILLARY } from '../capture/bpf.js';
import type { ProbeFlow } from '../probing.js';

/** Bytes of headers. Packets of the probe have no options of IP. */
const ETHERNET = 14;
const IP = { 4: 20, 6: 40 } as const;
const TYPE = { 4: 0x0800, 6: 0x86dd } as const;
const UDP = 8;
const VXLAN = 8;

/**
 * Where the IP header of the probe's packet begins. `linkHeaderBytes`: of the interface, 14, or 0 where it has none (WireGuard, tun).
 * `tunnelFamily`: the packet is in one of the flow's tunnel, over IPv4 or IPv6.
 */
export function ipHeaderAt(linkHeaderBytes: number, tunnelFamily?: 4 | 6): number {
  if (tunnelFamily === undefined) return linkHeaderBytes;
  return linkHeaderBytes + IP[tunnelFamily] + UDP + VXLAN + ETHERNET;
}

/** As `ipHeaderAt`. */
export function probeFilter(flow: ProbeFlow, linkHeaderBytes: number, tunnelFamily?: 4 | 6): Filter {
  const ip = ipHeaderAt(linkHeaderBytes, tunnelFamily);
  const family = IpAddress.parse(flow.destination).family;
  const tests =
    tunnelFamily === undefined
      ? [typeOf(linkHeaderBytes, family)]
      : [...inTunnel(flow, linkHeaderBytes, tunnelFamily), equals('half', ip - 2, TYPE[family])];
  return assemble(tests, ofFlow(flow, ip, family));
}

interface Test {
  readonly size: 'byte' | 'half' | 'word';
  readonly at: number;
  readonly value: number;
}

function equals(size: Test['size'], at: number, value: number): Test {
  return { size, at, value };
}

/** Without a link header the kernel says what the packet is. */
function typeOf(linkHeaderBytes: number, family: 4 | 6): Test {
  return equals('half', linkHeaderBytes === 0 ? ANCILLARY : linkHeaderBytes - 2, TYPE[family]);
}

function inTunnel({ tunnel }: ProbeFlow, ip: number, family: 4 | 6): Test[] {
  const udp = ip + IP[family];
  return [
    typeOf(ip, family),
    equals('byte', ip + (family === 4 ? 9 : 6), 17),
    equals('half', udp + 2, tunnel?.port ?? 0),
    // The byte behind the VNI is reserved, and 0 (RFC 7348, section 5).
    equals('word', udp + UDP + 4, ((tunnel?.vni ?? 0) << 8) >>> 0),
  ];
}

/** Each of them is of the probe: its packets, their answers, and errors that quote them. */
function ofFlow({ protocol, id, port = 0 }: ProbeFlow, ip: number, family: 4 | 6): Test[][] {
  const protocolAt = ip + (family === 4 ? 9 : 6);
  const transport = ip + IP[family];
  const icmp = equals('byte', protocolAt, family === 4 ? 1 : 58);
  if (protocol === 'icmp') return [[icmp, equals('half', transport + 4, id)]];
  const own = equals('byte', protocolAt, protocol === 'tcp' ? 6 : 17);
  const ports = (source: number, destination: number) => ((source << 16) | destination) >>> 0;
  const quoted = transport + UDP + IP[family];
  return [
    [own, equals('word', transport, ports(id, port))],
    [own, equals('word', transport, ports(port, id))],
    [icmp, equals('byte', transport, family === 4 ? 3 : 1), equals('word', quoted, ports(id, port))],
  ];
}

const LOAD = { byte: 0x30, half: 0x28, word: 0x20 } as const;
const JUMP_EQUAL = 0x15;
const ALL = 0xffff;

/** All of `tests`, and all of one of `alternatives`. A load past the end of a packet does not take it. */
function assemble(tests: readonly Test[], alternatives: readonly (readonly Test[])[]): Filter {
  const load = ({ size, at }: Test): Instruction => ({ code: LOAD[size], jt: 0, jf: 0, k: at });
  const jump = ({ value }: Test, jf: number): Instruction => ({ code: JUMP_EQUAL, jt: 0, jf, k: value });
  const either = alternatives.flatMap((all): Instruction[] => [
    // To the end of this alternative, behind its return.
    ...all.flatMap((test, i) => [load(test), jump(test, 2 * (all.length - 1 - i) + 1)]),
    { code: RETURN, jt: 0, jf: 0, k: ALL },
  ]);
  const common = tests.flatMap((test, i) => [
    load(test),
    jump(test, 2 * (tests.length - 1 - i) + either.length),
  ]);
  return [...common, ...either, { code: RETURN, jt: 0, jf: 0, k: 0 }];
}
