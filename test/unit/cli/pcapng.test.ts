import { expect, test } from '@jest/globals';
import {
  interfaceBlock,
  packetBlock,
  sectionBlock,
  statisticsBlock,
} from '../../../src/cli/capture/pcapng.js';
import { readPcapng } from '../../support/traffic/pcapng-file.js';

test('a file says what was captured, where, when, and what was lost', () => {
  const packet = {
    ...{ point: 0, atNs: 1_767_225_600_123_456_789n, direction: 'out' as const },
    ...{ length: 1500, bytes: Buffer.from('0123456789abcdef01', 'hex') },
  };
  const file = Buffer.concat([
    sectionBlock('xnet', 'xnet capture shop'),
    interfaceBlock({ name: 'h1 shop web', description: 'web', filter: 'icmp' }),
    interfaceBlock({ name: 'h1 shop wéb', description: 'another' }),
    packetBlock(1, packet),
    statisticsBlock(0, packet.atNs, 0),
    statisticsBlock(1, packet.atNs, 7),
  ]);
  expect(readPcapng(file)).toEqual({
    comments: ['xnet capture shop'],
    points: ['h1 shop web', 'h1 shop wéb'],
    packets: [
      { point: 'h1 shop wéb', atNs: packet.atNs, direction: 'out', length: 1500, bytes: packet.bytes },
    ],
    lost: new Map([
      ['h1 shop web', 0],
      ['h1 shop wéb', 7],
    ]),
  });
});
