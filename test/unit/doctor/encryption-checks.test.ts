import { describe, expect, test } from '@jest/globals';
import { type EncryptionState, judgeEncryption } from '../../../src/doctor/encryption/encryption-checks.js';

const NOW = new Date('2026-11-30T12:00:00Z');
const ago = (seconds: number) => new Date(NOW.getTime() - seconds * 1000);
const two = {
  ...{ name: 'h2', vtep: '10.0.0.2', port: 51820, handshake: ago(30) },
  ...{ isUnanswered: false, isPathLost: false },
};
const WELL: EncryptionState = {
  ...{ vtep: '10.0.0.1', networks: ['shop'], missing: [], peers: [two], keysMadeAt: [ago(86_400)] },
};
const DAY_S = 86_400;

test('all is well: since when; without an encrypted network there is nothing to look at', () => {
  expect(judgeEncryption(WELL, NOW)).toEqual([
    {
      verdict: 'ok',
      found: '1 network is encrypted; keys were agreed on with 1 of 1 other hosts, last 30 s ago',
    },
  ]);
  const idle = { ...WELL, networks: ['shop', 'vault'], peers: [{ ...two, handshake: undefined }] };
  expect(judgeEncryption(idle, NOW)).toMatchObject([
    { verdict: 'ok', found: '2 networks are encrypted; no packet was sent to another host yet' },
  ]);
  expect(judgeEncryption({ ...WELL, networks: [], missing: ['wg'] }, NOW)).toMatchObject([
    { verdict: 'ok', found: 'this host has no encrypted network' },
  ]);
});

describe.each<[string, Partial<EncryptionState>, string, RegExp, RegExp]>([
  [
    'no handshake, with packets on the way',
    { peers: [{ ...two, handshake: ago(600), isUnanswered: true }] },
    'failure',
    /do not reach host h2 \(10\.0\.0\.2\): packets are sent, and of handshakes there was none for 10 min/,
    /let UDP port 51820 pass between 10\.0\.0\.1 and 10\.0\.0\.2, both ways; if it passes, the clock of h2 was set back .* replays: on h2, timedatectl set-ntp true/,
  ],
  [
    'nor any other packet',
    { peers: [{ ...two, handshake: undefined, isUnanswered: true, isPathLost: true }] },
    'failure',
    /there was none yet; nor do packets that are not encrypted/,
    /mend the way to it first: see `paths`/,
  ],
  [
    'no device',
    { problem: 'this host cannot encrypt: install wireguard-go' },
    'failure',
    /this host does not encrypt: this host cannot encrypt: install wireguard-go/,
    /mend that/,
  ],
  [
    'programs that were removed',
    { missing: ['wg', 'wireguard-go'] },
    'warning',
    /wg and wireguard-go not on this host/,
    /^apt-get install -y wireguard-tools wireguard-go$/,
  ],
  [
    'a key that is to come',
    { keysMadeAt: [ago(-DAY_S)] },
    'warning',
    /from 2026-12-01T12:00:00\.000Z, which is to come: its clock was set back/,
    /^timedatectl set-ntp true; xnet host rotate-key$/,
  ],
  [
    'a key that is old',
    { keysMadeAt: [ago(32 * DAY_S)] },
    'warning',
    /is 32 days old/,
    /^xnet host rotate-key$/,
  ],
  [
    'a change that does not end',
    { keysMadeAt: [ago(30 * DAY_S), ago(1200)] },
    'warning',
    /has been changing for 20 min/,
    /see whether etcd answers/,
  ],
])('%s', (_, altered, verdict, found, remedy) => {
  test('is one finding, with what mends it', () => {
    expect(judgeEncryption({ ...WELL, ...altered }, NOW)).toEqual([
      { verdict, found: expect.stringMatching(found), remedy: expect.stringMatching(remedy) },
    ]);
  });
});

test('a change of keys that has just begun is none', () => {
  expect(judgeEncryption({ ...WELL, keysMadeAt: [ago(30 * DAY_S), ago(15)] }, NOW)).toHaveLength(1);
  expect(judgeEncryption({ ...WELL, keysMadeAt: [ago(30 * DAY_S), ago(15)] }, NOW)[0]?.verdict).toBe('ok');
});
