import { expect, test } from '@jest/globals';
import { packetText } from '../../../src/cli/capture/packet-text.js';

const MACS = '02420a400003 02420a400002';
const IPV4 = (protocol: string, payload: string, flags = '0000') =>
  `${MACS} 0800 4500 0054 0001 ${flags} 40 ${protocol} 0000 0a400002 0a400003 ${payload}`;
const IPV6 = (next: string, payload: string) =>
  `${MACS} 86dd 60000000 0014 ${next} 40 fd000000000000000000000000000002 fd000000000000000000000000000003 ${payload}`;
const ECHO = IPV4('01', '0800 f7ff 0007 0001 c0ffee');
const TUNNEL = (inner: string) =>
  `${MACS} 0800 4500 0086 0001 4000 40 11 0000 c0000201 c0000202 aafe 12b5 0072 0000 0800 0000 001001 00 ${inner}`;

const textOf = (hex: string, isTunnelled = false) => {
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  return packetText({ point: 0, atNs: 0n, direction: 'in', length: 98, bytes }, isTunnelled);
};

test.each([
  [ECHO, '10.64.0.2 > 10.64.0.3 ICMP echo request id 7 seq 1'],
  [IPV4('01', '0301 0000 0000 0000'), '10.64.0.2 > 10.64.0.3 ICMP unreachable code 1'],
  [IPV4('01', '0800'), '10.64.0.2 > 10.64.0.3 ICMP cut short'],
  [
    IPV4('06', 'c000 0050 00000001 00000002 5018 ffff 0000 0000'),
    '10.64.0.2:49152 > 10.64.0.3:80 TCP PSH ACK seq 1 ack 2 data 44',
  ],
  [IPV4('11', 'c000 0035 0040 0000'), '10.64.0.2:49152 > 10.64.0.3:53 UDP'],
  [IPV4('11', 'c000 0035', '0001'), '10.64.0.2 > 10.64.0.3 fragment of protocol 17'],
  [IPV4('84', ''), '10.64.0.2 > 10.64.0.3 protocol 132'],
  [
    IPV6('06', 'c000 0050 00000001 00000000 5002 ffff 0000 0000'),
    '[fd00::2]:49152 > [fd00::3]:80 TCP SYN seq 1 ack 0',
  ],
  [IPV6('3a', '8700 0000 0000 0000'), 'fd00::2 > fd00::3 ICMPv6 neighbour solicitation code 0'],
  [
    `${MACS} 0806 0001 0800 06 04 0001 02420a400002 0a400002 000000000000 0a400003`,
    'ARP who-has 10.64.0.3 tell 10.64.0.2',
  ],
  [
    `${MACS} 0806 0001 0800 06 04 0002 02420a400003 0a400003 02420a400002 0a400002`,
    'ARP 10.64.0.3 is-at 02:42:0a:40:00:03',
  ],
  [
    `${MACS} 8100 0005 ${ECHO.slice(MACS.length + 1)}`,
    'VLAN 5 10.64.0.2 > 10.64.0.3 ICMP echo request id 7 seq 1',
  ],
  [`${MACS} 88b5 00`, '02:42:0a:40:00:02 > 02:42:0a:40:00:03 type 0x88b5'],
  [`${MACS} 0800 45`, 'IP cut short'],
  ['0242', 'cut short'],
])('%s is shown', (hex, text) => {
  expect(textOf(hex)).toBe(`${text}, 98 bytes`);
});

test('of a tunnel packet the hosts, the network, and the frame in it', () => {
  expect(textOf(TUNNEL(ECHO), true)).toBe(
    '192.0.2.1 > 192.0.2.2 VXLAN 4097: 10.64.0.2 > 10.64.0.3 ICMP echo request id 7 seq 1, 98 bytes',
  );
  expect(textOf(TUNNEL(''), true)).toBe('192.0.2.1 > 192.0.2.2 VXLAN 4097: cut short, 98 bytes');
});

test('whatever a packet is, it is shown', () => {
  const frame = Buffer.from(TUNNEL(ECHO).replaceAll(' ', ''), 'hex');
  for (let length = 0; length < frame.length; length++)
    for (const isTunnelled of [true, false])
      expect(textOf(frame.subarray(0, length).toString('hex'), isTunnelled)).toMatch(/, 98 bytes$/);
});
