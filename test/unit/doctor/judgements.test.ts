import { describe, expect, test } from '@jest/globals';
import { judgeDoubles, judgeHosts } from '../../../src/doctor/cluster-checks.js';
import { examine, type Judgement, ok } from '../../../src/doctor/finding.js';
import { judgeFirewall, judgeKernel, judgeSubnets } from '../../../src/doctor/host-checks.js';
import { judgeDocker, judgeKeeper, judgeProblems, judgeRepairs } from '../../../src/doctor/status-checks.js';
import { judgeCertificates, judgeClock, judgeMembers } from '../../../src/doctor/store-checks.js';
import { XnetError } from '../../../src/errors.js';
import type { EndpointRecord } from '../../../src/model/endpoint.js';
import type { HostRecord } from '../../../src/model/host.js';

const MEMBER = {
  url: 'http://etcd1:2379',
  answerMs: 2,
  version: '3.5',
  hasLeader: true,
  alarms: [],
  bytes: 1e6,
};
const NOW = new Date('2026-06-01T00:00:00Z');
const DAY_MS = 86_400_000;

function host(name: string, more: Partial<HostRecord> = {}): HostRecord {
  const fixed = { version: 1 as const, vtep: '192.0.2.1', vxlanPort: 4789, xnetVersion: '1.0.0' };
  return { ...fixed, id: `id-${name}`, name, ...more };
}

function endpoint(container: string, address: string, more: Partial<EndpointRecord> = {}): EndpointRecord {
  const names = { container, containerId: 'c', network: 'shop', names: [container], ports: [] };
  const fixed = { version: 1 as const, networkId: 'n1', dockerNetworkId: 'd', hostId: 'id-h1' };
  return {
    ...fixed,
    id: `${container}${address}`,
    mac: `02:42:${address}`,
    addresses: [address],
    names,
    ...more,
  };
}

const named = { network: () => 'shop', host: (id: string) => id.slice(3) };

describe('the doctor judges', () => {
  const judged: [string, readonly Judgement[], Judgement['verdict'], RegExp][] = [
    ['no problem', judgeProblems({ problems: [] }), 'ok', /no problem/],
    ['a problem', judgeProblems({ problems: ['host h2 is silent'] }), 'failure', /h2 is silent/],
    ['members', judgeMembers([MEMBER]), 'ok', /1 of 1 members answer, the slowest in 2 ms/],
    [
      'a member that is away',
      judgeMembers([{ ...MEMBER, problem: 'refused' }]),
      'failure',
      /etcd1:2379 does not answer: refused/,
    ],
    ['no leader', judgeMembers([{ ...MEMBER, hasLeader: false }]), 'failure', /no leader/],
    [
      'a full etcd',
      judgeMembers([{ ...MEMBER, alarms: ['NOSPACE'], bytes: 2e9 }]),
      'failure',
      /alarm NOSPACE/,
    ],
    ['a large etcd', judgeMembers([{ ...MEMBER, bytes: 1.9e9 }]), 'warning', /has 1.9 GB/],
    ['a slow etcd', judgeMembers([{ ...MEMBER, answerMs: 400 }]), 'warning', /takes 400 ms/],
    [
      'a clock',
      judgeClock([{ ...MEMBER, clockMs: NOW.getTime() - 1000 }], NOW.getTime()),
      'ok',
      /clock is that of etcd, within 5 s/,
    ],
    [
      'a clock that nobody compares with',
      judgeClock([{ ...MEMBER, clockMs: undefined }], 0),
      'ok',
      /not compared/,
    ],
    [
      'a wrong clock',
      judgeClock([{ ...MEMBER, clockMs: NOW.getTime() - 3_600_000 }], NOW.getTime()),
      'warning',
      /3600 s ahead of/,
    ],
    ['no certificates', judgeCertificates([], NOW), 'ok', /none are used/],
    [
      'a new certificate',
      judgeCertificates([{ name: 'etcdCert', validTo: new Date(NOW.getTime() + 300 * DAY_MS) }], NOW),
      'ok',
      /valid/,
    ],
    [
      'an old certificate',
      judgeCertificates([{ name: 'etcdCert', validTo: new Date(NOW.getTime() + 3.5 * DAY_MS) }], NOW),
      'warning',
      /etcdCert expires in 3 days/,
    ],
    [
      'an expired certificate',
      judgeCertificates([{ name: 'etcdCa', validTo: new Date(NOW.getTime() - DAY_MS) }], NOW),
      'failure',
      /etcdCa expired on 2026-05-31/,
    ],
    ['Docker', judgeDocker({ docker: { version: '28.5' } }), 'ok', /Docker 28.5 answers/],
    ['no Docker', judgeDocker({ docker: { problem: 'refused' } }), 'failure', /does not answer: refused/],
    [
      'a daemon that died',
      judgeKeeper({ keeper: { pid: 1, deaths: 2, lastDeath: 'SIGKILL' } }),
      'warning',
      /died 2 times/,
    ],
    ['no keeper', judgeKeeper({}), 'warning', /none/],
    ['repairs', judgeRepairs({ repairs: { 'fdb-entry': 3 } }), 'warning', /fdb-entry 3/],
    ['the kernel', judgeKernel({ ipForward: true, tracked: { count: 10, most: 100 } }), 'ok', /right/],
    ['no forwarding', judgeKernel({ ipForward: false, tracked: undefined }), 'failure', /ip_forward is 0/],
    [
      'full connection tracking',
      judgeKernel({ ipForward: true, tracked: { count: 95, most: 100 } }),
      'failure',
      /95 of 100/,
    ],
    [
      'a rule that drops',
      judgeFirewall([{ rule: 'nft rule 3', isCertain: true, remedy: 'r' }], 4789),
      'failure',
      /UDP 4789\): nft rule 3/,
    ],
    [
      'a chain that may drop',
      judgeFirewall([{ rule: 'nft chain', isCertain: false, remedy: 'r' }], 4789),
      'warning',
      /may drop/,
    ],
    [
      'another VXLAN port',
      judgeHosts(host('h1'), [host('h2', { vxlanPort: 8472 })]),
      'failure',
      /h2 uses VXLAN port 8472, this one 4789/,
    ],
    [
      'another version',
      judgeHosts(host('h1'), [host('h2', { xnetVersion: '2.0.0' })]),
      'warning',
      /h2 runs xnet 2.0.0/,
    ],
    ['itself', judgeHosts(host('h1'), [host('h1', { vxlanPort: 1 })]), 'ok', /0 others/],
    [
      'no doubles',
      judgeDoubles([endpoint('a', '10.0.0.1'), endpoint('b', '10.0.0.2')], named),
      'ok',
      /among 2 endpoints/,
    ],
    [
      'one address twice',
      judgeDoubles(
        [endpoint('a', '10.0.0.1'), endpoint('b', '10.0.0.1', { mac: 'm', hostId: 'id-h2' })],
        named,
      ),
      'failure',
      /network shop: the address 10.0.0.1 is that of a on h1 and of b on h2/,
    ],
    [
      'one address in two networks',
      judgeDoubles([endpoint('a', '10.0.0.1'), endpoint('b', '10.0.0.1', { networkId: 'n2' })], named),
      'ok',
      /no address/,
    ],
    [
      'one name twice',
      judgeDoubles([endpoint('a', '10.0.0.1'), endpoint('a', '10.0.0.2', { hostId: 'id-h2' })], named),
      'warning',
      /the container name a is that of a on h1 and of a on h2/,
    ],
  ];

  test.each(judged)('%s', (_, judgements, verdict, found) => {
    expect(judgements).toEqual([expect.objectContaining({ verdict, found: expect.stringMatching(found) })]);
    // A remedy is a part of each problem of `xnet status` already.
    if (verdict !== 'ok' && !found.source.includes('silent')) expect(judgements[0]?.remedy).toMatch(/\w/);
  });

  test('subnets by routes and name servers of the host', () => {
    const networks = [{ name: 'shop', subnets: ['10.9.0.0/24', 'fd00:9::/64'] }];
    const routes = [
      { destination: 'default', device: 'eth0' },
      { destination: '10.9.0.128/25', device: 'tun0' },
      { destination: 'fd00:1::/64', device: 'eth0' },
      { destination: '192.0.2.7', device: 'eth0' },
    ];
    const found = judgeSubnets(networks, routes, ['10.9.0.2', '192.0.2.53']);
    expect(found.map(({ verdict, found: text }) => `${verdict}: ${text}`)).toEqual([
      "warning: network shop (10.9.0.0/24) overlaps this host's route to 10.9.0.128/25 (tun0)",
      "failure: network shop (10.9.0.0/24) covers this host's name server 10.9.0.2",
    ]);
  });
});

test('a check that cannot look is a finding, and the others go on', async () => {
  const broken = { name: 'broken', look: () => Promise.reject(new XnetError('KERNEL', 'no nft')) };
  const findings = await examine([broken, { name: 'fine', look: async () => [ok('well')] }]);
  expect(findings).toMatchObject([
    { check: 'broken', verdict: 'warning', found: 'cannot be looked at: no nft' },
    { check: 'fine', verdict: 'ok', found: 'well' },
  ]);
});
