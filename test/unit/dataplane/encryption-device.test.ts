import { expect, test } from '@jest/globals';
import { diffDevice } from '../../../src/dataplane/encryption/diff-device.js';
import { parseUapi } from '../../../src/dataplane/encryption/uapi.js';

const NOW = new Date('2026-11-30T12:00:00Z');
/** A key of 32 such bytes, as wireguard-go and as `wg` write it. */
const hex = (byte: string) => byte.repeat(32);
const key = (byte: string) => Buffer.from(hex(byte), 'hex').toString('base64');
const peer = { publicKey: key('0b'), endpoint: '10.0.0.2', port: 51820, vtep: 'fd00::2' };
const wanted = {
  device: 'xnet-wg0',
  privateKey: key('f0'),
  port: 51820,
  vtep: 'fd00::1',
  mtu: 1440,
  peers: [peer],
};
const recently = NOW.getTime() / 1000 - 30;
const own = [`private_key=${hex('f0')}`, 'listen_port=51820'];

function peerLines({ byte = '0b', endpoint = '10.0.0.2:51820', handshake = recently } = {}): string[] {
  return [
    `public_key=${hex(byte)}`,
    `preshared_key=${hex('00')}`,
    'protocol_version=1',
    ...(endpoint === '' ? [] : [`endpoint=${endpoint}`]),
    `last_handshake_time_sec=${handshake}`,
    'last_handshake_time_nsec=5',
    'tx_bytes=20',
    'rx_bytes=10',
    'persistent_keepalive_interval=0',
    'allowed_ip=fd00::2/128',
  ];
}

const answer = (...lines: string[]) => parseUapi(`${[...lines, 'errno=0'].join('\n')}\n\n`);

test('what wireguard-go says of a device', () => {
  const second = [
    ...peerLines({ byte: '0c', endpoint: '[fd99::3]:1', handshake: 0 }),
    'allowed_ip=10.0.0.0/8',
  ];
  expect(answer(...own, ...peerLines(), ...second)).toEqual({
    privateKey: key('f0'),
    port: 51820,
    peers: [
      {
        publicKey: key('0b'),
        endpoint: '10.0.0.2:51820',
        allowed: ['fd00::2/128'],
        handshake: new Date(recently * 1000),
        received: 10,
        sent: 20,
        keepalive: 0,
      },
      expect.objectContaining({
        publicKey: key('0c'),
        endpoint: '[fd99::3]:1',
        allowed: ['fd00::2/128', '10.0.0.0/8'],
        handshake: undefined,
      }),
    ],
  });
  expect(answer('listen_port=0')).toEqual({ privateKey: '', port: 0, peers: [] });
});

test('a device as wanted needs nothing', () => {
  expect(diffDevice(answer(...own, ...peerLines()), wanted, NOW)).toEqual({ words: [], repairs: [] });
});

test('a fresh device gets key, port and peers; the key is in no word', () => {
  const { words } = diffDevice(answer('listen_port=0'), wanted, NOW);
  expect(words.join(' ')).toBe(
    `private-key /dev/stdin listen-port 51820 peer ${key('0b')} endpoint 10.0.0.2:51820 allowed-ips fd00::2/128`,
  );
});

test('peers that nobody knows are removed, before others get their address', () => {
  const stranger = peerLines({ byte: '0e', endpoint: '10.0.0.9:1', handshake: 0 });
  const { words, repairs } = diffDevice(answer(...own, ...stranger), wanted, NOW);
  expect(words.join(' ')).toMatch(`peer ${key('0e')} remove peer ${key('0b')} endpoint`);
  expect(repairs).toEqual([
    { kind: 'encryption', object: key('0e'), was: 'extra' },
    { kind: 'encryption', object: key('0b'), was: 'missing' },
  ]);
});

test('a peer behind NAT stays where it was last seen, while keys are agreed on there', () => {
  const at = (handshake: number) => answer(...own, ...peerLines({ endpoint: '203.0.113.9:1234', handshake }));
  expect(diffDevice(at(recently), wanted, NOW).words).toEqual([]);
  const old = NOW.getTime() / 1000 - 181;
  expect(diffDevice(at(old), wanted, NOW).words).toEqual(['peer', key('0b'), 'endpoint', '10.0.0.2:51820']);
});

test('an IPv6 endpoint is in brackets, and keepalive is set where it is asked for', () => {
  const peers = [{ ...peer, endpoint: 'fd99::2', keepalive: 25 }];
  const { words } = diffDevice(answer(...own), { ...wanted, peers }, NOW);
  expect(words.join(' ')).toBe(
    `peer ${key('0b')} endpoint [fd99::2]:51820 allowed-ips fd00::2/128 persistent-keepalive 25`,
  );
});

test('a peer whose record has another address is sent there at once, however fresh its handshake', () => {
  const observed = answer(...own, ...peerLines());
  const moved = { ...wanted, peers: [{ ...peer, endpoint: '10.0.0.7' }] };
  expect(diffDevice(observed, moved, NOW, wanted).words).toEqual([
    ...['peer', key('0b'), 'endpoint', '10.0.0.7:51820'],
  ]);
  const elsewhere = answer(...own, ...peerLines({ endpoint: '203.0.113.9:1234' }));
  expect(diffDevice(elsewhere, moved, NOW, moved).words).toEqual([]);
});

test('a handshake that is to come, since the clock was set back, keeps no peer where it was', () => {
  const handshake = NOW.getTime() / 1000 + 3600;
  const observed = answer(...own, ...peerLines({ endpoint: '203.0.113.9:1234', handshake }));
  expect(diffDevice(observed, wanted, NOW).words).toContain('10.0.0.2:51820');
});
