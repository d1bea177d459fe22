import { expect, test } from '@jest/globals';
import { diffDevice } from '../../../src/dataplane/encryption/diff-device.js';
import { parseDump } from '../../../src/dataplane/encryption/wg.js';

const NOW = new Date('2026-11-30T12:00:00Z');
const line = (...words: string[]) => words.join('\t');
const peer = { publicKey: 'B', endpoint: '10.0.0.2', port: 51820, vtep: 'fd00::2' };
const wanted = {
  device: 'xnet-wg0',
  privateKey: 'P',
  port: 51820,
  vtep: 'fd00::1',
  mtu: 1440,
  peers: [peer],
};
const seconds = `${NOW.getTime() / 1000 - 30}`;
const own = line('P', 'A', '51820', 'off');
const asWanted = line('B', '(none)', '10.0.0.2:51820', 'fd00::2/128', seconds, '10', '20', 'off');

test('a device as wanted needs nothing', () => {
  expect(diffDevice(parseDump(`${own}\n${asWanted}\n`), wanted, NOW)).toEqual({ words: [], repairs: [] });
});

test('a fresh device gets key, port and peers; the key is in no word', () => {
  const { words } = diffDevice(parseDump(line('(none)', '(none)', '0', 'off')), wanted, NOW);
  expect(words.join(' ')).toBe(
    'private-key /dev/stdin listen-port 51820 peer B endpoint 10.0.0.2:51820 allowed-ips fd00::2/128',
  );
});

test('peers that nobody knows are removed, before others get their address', () => {
  const stranger = line('X', '(none)', '10.0.0.9:1', 'fd00::2/128', '0', '0', '0', 'off');
  const { words, repairs } = diffDevice(parseDump(`${own}\n${stranger}`), wanted, NOW);
  expect(words.join(' ')).toMatch(/^peer X remove peer B endpoint/);
  expect(repairs).toEqual([
    { kind: 'encryption', object: 'X', was: 'extra' },
    { kind: 'encryption', object: 'B', was: 'missing' },
  ]);
});

test('a peer behind NAT stays where it was last heard of, while keys are agreed on there', () => {
  const at = (handshake: string) =>
    line('B', '(none)', '203.0.113.9:1234', 'fd00::2/128', handshake, '1', '1', 'off');
  expect(diffDevice(parseDump(`${own}\n${at(seconds)}`), wanted, NOW).words).toEqual([]);
  const old = `${NOW.getTime() / 1000 - 181}`;
  expect(diffDevice(parseDump(`${own}\n${at(old)}`), wanted, NOW).words).toEqual([
    'peer',
    'B',
    'endpoint',
    '10.0.0.2:51820',
  ]);
});

test('an IPv6 endpoint is in brackets, and keepalive is set where it is asked for', () => {
  const peers = [{ ...peer, endpoint: 'fd99::2', keepalive: 25 }];
  const { words } = diffDevice(parseDump(own), { ...wanted, peers }, NOW);
  expect(words.join(' ')).toBe(
    'peer B endpoint [fd99::2]:51820 allowed-ips fd00::2/128 persistent-keepalive 25',
  );
});
