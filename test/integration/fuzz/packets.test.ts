/** Frames that anybody on an underlay, a LAN or in a container can send, where xnet reads them; and programs that filter them. */
import { expect } from '@jest/globals';
import fc from 'fast-check';
import { packetText } from '../../../src/cli/capture/packet-text.js';
import { interfaceBlock, packetBlock, sectionBlock } from '../../../src/cli/capture/pcapng.js';
import { behind, gate } from '../../../src/dataplane/capture/bpf.js';
import { parseAnswer, questionFor } from '../../../src/dataplane/lan/asking/lan-frames.js';
import { readProbe } from '../../../src/dataplane/probe/probe-packet.js';
import { isXnetError } from '../../../src/errors.js';
import { parseMac } from '../../../src/inet/mac-address.js';
import { fuzz } from '../../support/fuzz/fuzz.js';
import { hostileText, spoiltBytes } from '../../support/fuzz/hostile.js';
import { readPcapng } from '../../support/traffic/pcapng-file.js';

const MAC = '02:00:00:00:00:01';
const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const FRAMES = [
  questionFor('10.0.0.1', MAC),
  questionFor('fd00::1', MAC),
  // An ARP reply, an advertisement, a TCP segment, an ICMP error, UDP with VXLAN in it.
  hex('ffffffffffff 020000000002 0806 0001080006040002 020000000002 0a000001 020000000001 0a000002'),
  hex(
    `333300000001 020000000002 86dd 6000000000203aff fe800000000000000000000000000002
     ff020000000000000000000000000001 8800000020000000 fd000000000000000000000000000001 0201020000000002`,
  ),
  hex(
    '020000000001 020000000002 0800 45000028000000004006000 0 0a000001 0a000002 1f90 0050 00000001 00000002 5012ffff00000000',
  ),
  hex('020000000001 020000000002 0800 4500001c00000000400100000a0000010a000002 0300000000000000'),
  hex(`020000000001 020000000002 0800 45000046000000004011000 0 c0000201 c0000202 12b5 12b5 003200 00 0800000000102 200
       ffffffffffff 020000000002 0806 0001080006040001 020000000002 0a000001 000000000000 0a000002`),
];

fuzz(
  'a frame is a line of a capture, and the same frame in its file',
  {
    runs: 2_000,
    corpus: 'frames',
    inputs: [spoiltBytes(FRAMES), fc.boolean(), fc.nat({ max: 0xffff_ffff })],
  },
  (bytes, isTunnelled, length) => {
    const packet = { bytes, length, atNs: 1n, direction: 'in' } as const;
    expect(packetText(packet as never, isTunnelled)).toMatch(/^[ -~]+$/);
    const file = readPcapng(
      Buffer.concat([
        sectionBlock('xnet', ''),
        interfaceBlock({ name: 'a', description: 'b' }),
        packetBlock(0, packet as never),
      ]),
    );
    expect(file.packets.map((each) => [each.length, each.bytes])).toEqual([[length, bytes]]);
  },
);

fuzz(
  'names and filters of any length leave the file of a capture readable',
  { runs: 300, corpus: 'pcapng-texts', inputs: [hostileText, fc.nat({ max: 3000 })] },
  (text, times) => {
    const long = text.repeat(times);
    const file = readPcapng(
      Buffer.concat([
        sectionBlock('xnet', long),
        interfaceBlock({ name: long, description: long, filter: long }),
      ]),
    );
    expect(file.points).toHaveLength(1);
  },
);

fuzz(
  'an answer of a LAN has an address and a MAC, or is none',
  { runs: 2_000, corpus: 'lan-frames', inputs: [spoiltBytes(FRAMES)] },
  (frame) => {
    const answer = parseAnswer(frame);
    if (answer) expect(answer.mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    for (const destination of ['10.0.0.2', 'fd00::1'])
      readProbe(frame, { destination, protocol: 'tcp', id: 7 } as never, 14);
  },
);

const RETURN = 6;
const instruction = fc.record({
  code: fc.constantFrom(0x20, 0x28, 0x30, 0x80, 0x15, 0x45, 0x25, 0x05, 0x61, 0xb1, RETURN),
  jt: fc.nat({ max: 255 }),
  jf: fc.nat({ max: 255 }),
  k: fc.nat({ max: 0xffff_ffff }),
});

fuzz(
  'a filter that is moved behind a tunnel header jumps nowhere but into itself',
  {
    runs: 1_000,
    corpus: 'filters',
    inputs: [fc.array(instruction, { minLength: 1, maxLength: 300 }), fc.nat({ max: 100 })],
  },
  (given, bytes) => {
    // As tcpdump makes them: no jump leaves the program, which ends with a return.
    const program = given.map((each, at) => {
      const left = given.length - 1 - at;
      const isJump = (each.code & 7) === 5;
      if (left === 0 || (isJump && left < 2)) return { code: RETURN, jt: 0, jf: 0, k: 0 };
      if (!isJump) return { ...each, jt: 0, jf: 0 };
      const k = each.code === 5 ? each.k % left : each.k;
      return { ...each, jt: each.jt % left, jf: each.jf % left, k };
    });
    try {
      const moved = [
        ...gate([{ load: [{ code: 0x28, jt: 0, jf: 0, k: 12 }], equal: 0x800 }]),
        ...behind(bytes, program),
      ];
      moved.forEach(({ code, jt, jf, k }, at) => {
        if ((code & 7) !== 5) return;
        for (const jump of code === 5 ? [k] : [jt, jf]) expect(at + 1 + jump).toBeLessThan(moved.length);
        expect(Math.max(jt, jf)).toBeLessThan(256);
      });
    } catch (error) {
      if (!isXnetError(error, 'INVALID')) throw error;
    }
  },
);

fuzz('a MAC address is one, or is refused', { runs: 500, corpus: 'macs', inputs: [hostileText] }, (text) => {
  try {
    parseMac(text);
  } catch (error) {
    if (!isXnetError(error, 'INVALID')) throw error;
  }
});
