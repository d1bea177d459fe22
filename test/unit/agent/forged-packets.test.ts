import { expect, test } from '@jest/globals';
import { ForgedPackets } from '../../../src/agent/forwarding/forged-packets.js';

const counts = (packets: number) => new Map([['0123456789ab', packets]]);
const FORGER = { networkId: 'shop', endpointName: '0123456789ab' };

test('whose count grows between two looks forges packets, until it grows no more', () => {
  const forged = new ForgedPackets();
  expect(forged.note('shop', counts(3))).toBe(false);
  expect(forged.note('shop', counts(5))).toBe(true);
  expect(forged.forgers).toEqual([FORGER]);
  expect(forged.note('shop', counts(5))).toBe(false);
  expect(forged.forgers).toEqual([]);
});

test('a container that came after the first look is new with all that it has forged', () => {
  const forged = new ForgedPackets();
  forged.note('shop');
  expect(forged.note('shop', counts(1))).toBe(true);
});

test('a network without endpoints of this host is forgotten', () => {
  const forged = new ForgedPackets();
  forged.note('shop');
  forged.note('shop', counts(1));
  forged.keep(new Set(['bank']));
  expect(forged.forgers).toEqual([]);
});
