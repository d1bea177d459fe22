/** The hops of encrypted networks that are not those of other overlays: the keys by which packets go between the hosts. */
import { describe, expect, test } from '@jest/globals';
import { encryptedVtep } from '../../../src/inet/encrypted-vtep.js';
import type { EncryptionFacts } from '../../../src/trace/facts.js';
import { pathOf } from '../../../src/trace/paths.js';
import { planLook } from '../../../src/trace/plan.js';
import { probeRows } from '../../../src/trace/probe-rows.js';
import { judgeHops, type Row, type Side, type Trace } from '../../../src/trace/trace.js';

const WELL: EncryptionFacts = {
  ...{ device: 'xnet-wg0', endpoint: '192.0.2.2:51820', port: 51820, handshakeSeconds: 12 },
};

const NETWORK = {
  ...{ id: 'c0ffee', mode: 'overlay' as const, name: 'shop', vni: 7 },
  ...{ isInternal: false, isEncrypted: true as const, subnets: ['10.1.0.0/24'] },
};

function side(own: number, encryption: EncryptionFacts): Side {
  return {
    label: own === 1 ? 'web' : 'db',
    host: { id: `id${own}`, name: `h${own}`, state: 'alive', vtep: encryptedVtep(`id${own}`, 0) },
    container: { id: `c${own}`, name: own === 1 ? 'web' : 'db' },
    endpoint: { id: `e${own}`, addresses: [`10.1.0.${own}`], mac: `02:42:0a:01:00:0${own}` },
    networks: ['shop'],
    facts: {
      xnet: { found: { restart: 'systemctl restart xnet' } },
      encryption: { found: encryption },
    },
  };
}

function traceOf(from: EncryptionFacts): Trace {
  return {
    ...{ from: side(1, from), to: side(2, WELL), source: '10.1.0.1', destination: '10.1.0.2' },
    protocol: 'icmp',
    network: NETWORK,
  };
}

function encryptionRow(from: EncryptionFacts): Row | undefined {
  const trace = traceOf(from);
  return judgeHops(pathOf(trace).hops, trace).find(({ hop, host }) => hop === 'encryption' && host === 'h1');
}

test('both ends have the hop behind their way to the other host, and the probe is not looked for on the underlay', () => {
  const { hops, points } = pathOf(traceOf(WELL));
  const named = hops.map(({ at, name }) => `${at} ${name}`);
  for (const at of ['from', 'to'])
    expect(named.indexOf(`${at} encryption`)).toBe(named.indexOf(`${at} underlay`) + 1);
  expect(points.map(({ place }) => place)).toEqual([
    'interface',
    'port',
    'tunnel',
    'tunnel',
    'port',
    'interface',
  ]);
});

test('hosts are asked for the keys of each other, and for the way between their addresses in encrypted networks', () => {
  const trace = traceOf(WELL);
  expect(planLook(trace.from, trace)).toMatchObject({
    encryption: { peerId: 'id2' },
    underlay: { vtep: encryptedVtep('id1', 0), peerVtep: encryptedVtep('id2', 0) },
  });
  const { isEncrypted: _, ...plain } = NETWORK;
  expect(planLook(trace.from, { ...trace, network: plain }).encryption).toBeUndefined();
});

test('keys that were agreed on, or not yet since nothing was sent, are well', () => {
  expect(encryptionRow(WELL)).toMatchObject({
    verdict: 'ok',
    expected: 'packets to h2 are encrypted',
    found: 'by xnet-wg0 to 192.0.2.2:51820, last handshake 12 s ago',
  });
  const { handshakeSeconds: _, ...fresh } = WELL;
  expect(encryptionRow({ ...fresh, unansweredSeconds: 2 })).toMatchObject({
    verdict: 'ok',
    found: 'by xnet-wg0 to 192.0.2.2:51820, no handshake yet',
  });
});

describe.each<[string, EncryptionFacts, RegExp, RegExp]>([
  ['this host does not encrypt', { problem: 'no wireguard-go' }, /^no wireguard-go$/, /^mend that/],
  ['no device', {}, /no WireGuard device/, /^systemctl restart xnet$/],
  [
    'the other host is not known',
    { device: 'xnet-wg0', port: 51820 },
    /has no key of h2/,
    /^systemctl restart xnet$/,
  ],
  [
    'no answer',
    { ...WELL, handshakeSeconds: 400, unansweredSeconds: 220 },
    /last handshake 400 s ago, and packets were sent for 220 s/,
    /^let UDP port 51820 pass between h1 and h2, both ways/,
  ],
])('%s', (_, facts, found, remedy) => {
  test('is a fault', () => {
    expect(encryptionRow(facts)).toMatchObject({
      verdict: 'fault',
      found: expect.stringMatching(found),
      remedy: expect.stringMatching(remedy),
    });
  });
});

test('a probe that vanished between the hosts: WireGuard is to pass', () => {
  const trace = traceOf(WELL);
  const sights = pathOf(trace).points.map(({ at, place }) => ({
    ...{ side: trace[at], place },
    seen: { place, request: at === 'from', answers: [] },
  }));
  const faults = probeRows(trace, { sights }).filter(
    ({ verdict, host }) => verdict === 'fault' && host === 'h2',
  );
  expect(faults[0]?.remedy).toMatch(/let UDP of WireGuard \(51820 by default\) pass/);
});
