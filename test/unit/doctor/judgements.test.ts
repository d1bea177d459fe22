import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { judgeCertificates } from '../../../src/doctor/certificate-checks.js';
import { judgeDoubles, judgeHosts } from '../../../src/doctor/cluster-checks.js';
import { examine, type Judgement, ok, wordOfLine } from '../../../src/doctor/finding.js';
import { judgeKernel, judgeOpenFiles, readOpenFiles } from '../../../src/doctor/kernel-checks.js';
import { judgeDocker, judgeKeeper, judgeProblems, judgeRepairs } from '../../../src/doctor/status-checks.js';
import { etcdctlOf, judgeClock, judgeMembers } from '../../../src/doctor/store-checks.js';
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
    ['members', judgeMembers([MEMBER], 'etcdctl'), 'ok', /1 of 1 members answer, the slowest in 2 ms/],
    [
      'a member that is away',
      judgeMembers([{ ...MEMBER, problem: 'refused' }], 'etcdctl'),
      'failure',
      /etcd1:2379 does not answer: refused/,
    ],
    ['no leader', judgeMembers([{ ...MEMBER, hasLeader: false }], 'etcdctl'), 'failure', /no leader/],
    [
      'a full etcd',
      judgeMembers([{ ...MEMBER, alarms: ['NOSPACE'], bytes: 2e9 }], 'etcdctl'),
      'failure',
      /alarm NOSPACE/,
    ],
    ['a large etcd', judgeMembers([{ ...MEMBER, bytes: 1.9e9 }], 'etcdctl'), 'warning', /has 1.9 GB/],
    ['a slow etcd', judgeMembers([{ ...MEMBER, answerMs: 400 }], 'etcdctl'), 'warning', /takes 400 ms/],
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
      judgeCertificates(
        [{ name: 'etcdCert', remedy: 'r', validTo: new Date(NOW.getTime() + 300 * DAY_MS) }],
        NOW,
      ),
      'ok',
      /valid/,
    ],
    [
      'an old certificate',
      judgeCertificates(
        [{ name: 'etcdCert', remedy: 'r', validTo: new Date(NOW.getTime() + 3.5 * DAY_MS) }],
        NOW,
      ),
      'warning',
      /etcdCert expires in 3 days/,
    ],
    [
      'an expired certificate',
      judgeCertificates([{ name: 'etcdCa', remedy: 'r', validTo: new Date(NOW.getTime() - DAY_MS) }], NOW),
      'failure',
      /etcdCa expired on 2026-05-31/,
    ],
    [
      'a certificate of the future, or a clock that is behind',
      judgeCertificates(
        [
          {
            ...{ name: 'etcdCert', remedy: 'r' },
            validFrom: new Date(NOW.getTime() + DAY_MS),
            validTo: new Date(NOW.getTime() + 300 * DAY_MS),
          },
        ],
        NOW,
      ),
      'failure',
      /etcdCert is not valid before 2026-06-02, and this host has 2026-06-01/,
    ],
    ['Docker', judgeDocker({ docker: { version: '28.5' } }, 'unix:///s'), 'ok', /Docker 28.5 answers/],
    [
      'no Docker',
      judgeDocker({ docker: { problem: 'refused' } }, 'unix:///s'),
      'failure',
      /does not answer: refused/,
    ],
    [
      'an old Docker',
      judgeDocker({ docker: { version: '19.03.15' } }, ''),
      'warning',
      /19.03.15 is older than 20.10/,
    ],
    ['the oldest Docker', judgeDocker({ docker: { version: '20.10.24' } }, ''), 'ok', /20.10.24 answers/],
    [
      'a daemon that died',
      judgeKeeper({ keeper: { pid: 1, deaths: 2, lastDeath: 'SIGKILL' } }),
      'warning',
      /died 2 times/,
    ],
    ['no keeper', judgeKeeper({}), 'warning', /none/],
    [
      'repairs',
      judgeRepairs([
        { kind: 'repair', what: 'fdb-entry: 2 that others had altered' },
        { kind: 'host silent', what: 'h2' },
        { kind: 'repair', what: 'fdb-entry: 1 that others had altered' },
      ]),
      'warning',
      /in the last hour, and it was put right: fdb-entry 3$/,
    ],
    ['no repairs', judgeRepairs([{ kind: 'host silent', what: 'h2' }]), 'ok', /nobody/],
    ['the kernel', judgeKernel({ ipForward: true, tracked: { count: 10, most: 100 } }), 'ok', /right/],
    ['no forwarding', judgeKernel({ ipForward: false, tracked: undefined }), 'failure', /ip_forward is 0/],
    [
      'full connection tracking',
      judgeKernel({ ipForward: true, tracked: { count: 95, most: 100 } }),
      'failure',
      /95 of 100/,
    ],
    [
      'few open files',
      judgeOpenFiles({ pid: 7, count: 60, most: 1024 }),
      'ok',
      /60 files open, 1024 at most/,
    ],
    [
      'too many open files',
      judgeOpenFiles({ pid: 7, count: 950, most: 1024 }),
      'failure',
      /950 of at most 1024/,
    ],
    [
      'another VXLAN port',
      judgeHosts(host('h1'), [host('h2', { vxlanPort: 8472 })], () => true),
      'failure',
      /h2 uses VXLAN port 8472, this one 4789/,
    ],
    [
      'another version',
      judgeHosts(host('h1'), [host('h2', { xnetVersion: '2.0.0' })], () => true),
      'warning',
      /h2 runs xnet 2.0.0/,
    ],
    ['itself', judgeHosts(host('h1'), [host('h1', { vxlanPort: 1 })], () => true), 'ok', /0 others/],
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
});

test('a second host of the name is distinguished from a former one', () => {
  const others = [host('h1', { id: 'other', vtep: '192.0.2.9' })];
  const [alive] = judgeHosts(host('h1'), others, () => true);
  expect(alive).toMatchObject({
    verdict: 'warning',
    remedy: expect.stringMatching(/^hostnamectl set-hostname/),
  });
  const [silent] = judgeHosts(host('h1'), others, () => false);
  expect(silent).toMatchObject({ verdict: 'warning', remedy: 'xnet host rm other' });
});

test('what etcd lacks is said with the command for all its members', () => {
  const members = [1, 2].map((index) => ({
    ...MEMBER,
    url: `https://etcd${index}:2379`,
    alarms: ['NOSPACE'],
  }));
  const etcdctl = etcdctlOf(members, { etcdCa: '/ca.pem', etcdCert: undefined, etcdKey: undefined });
  expect(etcdctl).toBe('etcdctl --endpoints=https://etcd1:2379,https://etcd2:2379 --cacert=/ca.pem');
  const [full, ...others] = judgeMembers(members, etcdctl);
  expect(others).toEqual([]);
  expect(full?.remedy).toMatch(
    /^e\(\) \{ etcdctl --endpoints=\S+ --cacert=\/ca.pem "\$@"; \}; e compact .*; e alarm disarm /,
  );
});

test.each([
  ['its certificate is not of the given CA', /etcdCa/],
  ['it wants a client certificate of its CA', /etcdCert and etcdKey/],
  ['it says that the client certificate has expired', /etcdCert and etcdKey/],
  ['its certificate has expired', /give that member a new certificate/],
  ['connection refused', /systemctl start etcd/],
  ['no answer in time', /let this host reach it/],
])('%s: the remedy is of that', (problem, remedy) => {
  expect(judgeMembers([{ ...MEMBER, problem }], 'etcdctl')[0]?.remedy).toMatch(remedy);
});

test('a check that cannot look is a finding, and the others go on', async () => {
  const broken = { name: 'broken', look: () => Promise.reject(new XnetError('KERNEL', 'no nft')) };
  const findings = await examine([broken, { name: 'fine', look: async () => [ok('well')] }]);
  expect(findings).toMatchObject([
    { check: 'broken', verdict: 'warning', found: 'cannot be looked at: no nft' },
    { check: 'fine', verdict: 'ok', found: 'well' },
  ]);
});

test('a name is one word of a remedy, whatever it contains', () => {
  expect(['web-1.a', 'eth0:1'].map(wordOfLine)).toEqual(['web-1.a', 'eth0:1']);
  expect(wordOfLine('a; reboot')).toBe("'a; reboot'");
  expect(wordOfLine("it's $(x)\nreboot")).toBe("'it'\\''s $(x) reboot'");
  expect(wordOfLine('')).toBe("''");
  const hostile = { ...named, host: () => 'h2\nreboot' };
  const [found] = judgeDoubles([endpoint('a b', '10.0.0.1'), endpoint('a b', '10.0.0.2')], hostile);
  expect(found?.remedy).toBe(
    "docker rename 'a b' 'a b'-'h2 reboot'   # on 'h2 reboot', unless both are to be answered",
  );
});

test('the command that mends a full etcd is run with each file as it is called', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-etcdctl-'));
  const script =
    '#!/bin/sh\nfor word in "$@"; do printf "<%s>" "$word"; done >&2; echo >&2; echo \'"Revision" : 42\'\n';
  await writeFile(join(directory, 'etcdctl'), script, { mode: 0o755 });
  const full = { ...MEMBER, alarms: ['NOSPACE'] };
  const etcdctl = etcdctlOf([full], {
    etcdCa: "/etc/it's mine/ca.pem",
    etcdCert: undefined,
    etcdKey: undefined,
  });
  const { remedy = '' } = judgeMembers([full], etcdctl)[0] ?? {};
  const env = { ...process.env, PATH: `${directory}:${process.env.PATH}` };
  const { stderr } = spawnSync('sh', ['-c', remedy], { env, encoding: 'utf8' });
  await rm(directory, { recursive: true });
  const given = `<--endpoints=${MEMBER.url}><--cacert=/etc/it's mine/ca.pem>`;
  expect(stderr.trim().split('\n')).toEqual([
    `${given}<endpoint><status><-w><fields>`,
    `${given}<compact><42>`,
    `${given}<defrag><--command-timeout=10m>`,
    `${given}<alarm><disarm>`,
  ]);
});

test('no remedy takes away a container, and what is in it', () => {
  const endpoints = [endpoint('a', '10.0.0.1'), endpoint('b', '10.0.0.2', { mac: '02:42:10.0.0.1' })];
  const [double] = judgeDoubles(endpoints, named);
  expect(double?.remedy).toMatch(/^docker stop b {3}#/);
});

test('the number of the daemon is that of the host, also in a managed plugin', async () => {
  const hostProc = await mkdtemp(join(tmpdir(), 'xnet-proc-'));
  await symlink('4711', join(hostProc, 'self'));
  expect(await readOpenFiles(hostProc)).toMatchObject({ pid: 4711 });
  expect(await readOpenFiles('/proc')).toMatchObject({ pid: process.pid });
  await rm(hostProc, { recursive: true });
});

test('hosts of one other version are one finding, however many', () => {
  const others = [...'76543218'].map((digit) => host(`h${digit}`, { xnetVersion: '2.0.0', vxlanPort: 8472 }));
  expect(judgeHosts(host('h0'), others, () => true).map(({ found }) => found)).toEqual([
    'hosts h1, h2, h3, h4, h5 and 3 more use VXLAN port 8472, this one 4789: no packet arrives',
    'hosts h1, h2, h3, h4, h5 and 3 more run xnet 2.0.0, this one 1.0.0',
  ]);
});
