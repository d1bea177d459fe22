/** What the doctor says of this host: disk, sockets, units, leftovers, routes, MTUs, firewalls. */
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { RunningClock } from '../../../src/concurrency/deadline.js';
import { type Disk, judgeDisk, mountOf, readDisk } from '../../../src/doctor/disk-checks.js';
import type { Judgement } from '../../../src/doctor/finding.js';
import { judgeFirewall, judgeOutside } from '../../../src/doctor/firewall-checks.js';
import { judgeLeftovers, judgeTunnels, strangersOf } from '../../../src/doctor/leftover-checks.js';
import { askPlugin, judgePlugin } from '../../../src/doctor/plugin-checks.js';
import { judgeSubnets, readNameServers } from '../../../src/doctor/subnet-checks.js';
import { judgeMtus, judgeRoutes } from '../../../src/doctor/underlay-checks.js';
import { judgeUnits, parseUnits } from '../../../src/doctor/unit-checks.js';
import { eventually } from '../../support/time/eventually.js';

const DISK: Disk = {
  ...{ directory: '/var/lib/xnet', mount: '/var', freeBytes: 9e9, freeFiles: 1e6 },
  ...{ isReadOnly: false, isMemory: false },
};
const SOCKET = {
  path: '/p.sock',
  answer: '{"Implements":["NetworkDriver","IpamDriver"]}',
  problem: undefined,
};
const UNDERLAY = { interface: 'eth0', mtu: 1400 };
const BRIDGE = { device: 'docker_gwbridge', subnet: '172.18.0.0/16' };
const MTUS = new Map([['docker_gwbridge', 1500]]);

const plugin = (more: object, mode = 0o140600) =>
  judgePlugin({ ...SOCKET, ...more }, [{ path: '/admin.sock', mode }], 'restart it');
const units = (changes: Record<string, string>) =>
  judgeUnits(
    parseUnits(
      ['xnet.socket', 'xnet.service', 'docker.service']
        .map((id) => {
          const state = changes[`${id} state`] ?? 'enabled';
          const after = changes[`${id} after`] ?? 'xnet.socket xnet.service basic.target';
          const reload = changes[`${id} reload`] ?? 'no';
          return `Id=${id}\nLoadState=loaded\nUnitFileState=${state}\nAfter=${after}\nNeedDaemonReload=${reload}\n`;
        })
        .join('\n'),
    ),
  );
const outside = (mtu: number, rule?: string) =>
  judgeOutside({
    ...{ bridges: [BRIDGE], mtus: MTUS, outward: { device: 'eth0', mtu } },
    drops: rule === undefined ? [] : [{ rule, isCertain: true, remedy: 'r' }],
  });

describe('the doctor judges', () => {
  const judged: [string, readonly Judgement[], Judgement['verdict'], RegExp][] = [
    ['a disk', judgeDisk(DISK), 'ok', /9.0 GB free/],
    ['a full disk', judgeDisk({ ...DISK, freeBytes: 1e8 }), 'failure', /100 MB free/],
    [
      'a disk that is full of files',
      judgeDisk({ ...DISK, freeFiles: 3 }),
      'failure',
      /room for 3 more files/,
    ],
    ['a disk without inodes of a fixed number', judgeDisk({ ...DISK, freeFiles: undefined }), 'ok', /free/],
    ['a read-only disk', judgeDisk({ ...DISK, isReadOnly: true }), 'failure', /cannot be written to/],
    ['a disk in memory', judgeDisk({ ...DISK, isMemory: true }), 'warning', /is in memory: after a reboot/],
    ['the socket', plugin({}), 'ok', /reaches xnet at \/p.sock/],
    ['no socket', plugin({ problem: 'there is no such file', answer: undefined }), 'failure', /no such file/],
    [
      "another program's socket",
      plugin({ answer: '{"Implements":["VolumeDriver"]}' }),
      'failure',
      /another program/,
    ],
    ['a socket for all', plugin({}, 0o140666), 'failure', /\/admin.sock has mode 666/],
    ['units', units({}), 'ok', /starts xnet at a boot/],
    ['no systemd', judgeUnits(undefined), 'ok', /not a service/],
    ['no unit of xnet', judgeUnits(new Map()), 'ok', /not a service/],
    [
      'a disabled unit',
      units({ 'xnet.socket state': 'disabled' }),
      'failure',
      /^xnet.socket will not be started at a boot/,
    ],
    ['Docker started by its socket', units({ 'docker.service state': 'disabled' }), 'ok', /starts xnet/],
    [
      'Docker first',
      units({ 'docker.service after': 'network.target' }),
      'failure',
      /does not wait for xnet/,
    ],
    [
      'a changed unit',
      units({ 'xnet.service reload': 'yes' }),
      'warning',
      /not read again by systemd: xnet.service$/,
    ],
    ['no leftovers', judgeLeftovers([]), 'ok', /no network/],
    ['a leftover', judgeLeftovers([{ id: 'a', endpointNames: [] }]), 'warning', /namespace xnet-a is/],
    [
      'a leftover of a routed network',
      judgeLeftovers([{ id: 'a', endpointNames: [], mode: { kind: 'routed' } }]),
      'warning',
      /^the routed network a is in the kernel/,
    ],
    [
      'one of a network on a LAN',
      judgeLeftovers([{ id: 'a', endpointNames: [], isOnLan: true }]),
      'warning',
      /^network a on a LAN is in the kernel/,
    ],
    [
      'one in use',
      judgeLeftovers([{ id: 'a', endpointNames: ['b'] }]),
      'failure',
      /xnet-a has 1 containers'/,
    ],
    [
      'a tunnel in the way',
      judgeTunnels([{ device: 'vx', vni: 7, port: 4789 }], [{ name: 'shop', vni: 7 }], 4789),
      'failure',
      /device vx has VNI 7 and UDP port 4789 of network shop/,
    ],
    [
      'a tunnel on another port',
      judgeTunnels([{ device: 'vx', vni: 7, port: 8472 }], [{ name: 'shop', vni: 7 }], 4789),
      'ok',
      /no other program/,
    ],
    [
      'MTUs',
      judgeMtus([{ name: 'shop', mtu: 1350, containers: [{ name: 'web', mtu: 1350 }] }], 1350, UNDERLAY),
      'ok',
      /fits into eth0/,
    ],
    [
      'a container from before the MTU fell',
      judgeMtus([{ name: 'shop', mtu: 1350, containers: [{ name: 'web', mtu: 1450 }] }], 1350, UNDERLAY),
      'failure',
      /^web in network shop send up to 1450 bytes, eth0 \(MTU 1400\) carries 1350/,
    ],
    [
      'a container from before the MTU rose again',
      judgeMtus([{ name: 'shop', mtu: 1450, containers: [{ name: 'web', mtu: 1350 }] }], 1450, {
        ...UNDERLAY,
        mtu: 1500,
      }),
      'warning',
      /^web in network shop take packets of up to 1350 bytes.* send up to 1450: larger ones of UDP are lost/,
    ],
    [
      'a network with an MTU of its own that is too large',
      judgeMtus([{ name: 'shop', mtu: 1450, containers: [{ name: 'web', mtu: 1450 }] }], 1350, UNDERLAY),
      'failure',
      /^containers of network shop send up to 1450 bytes/,
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
    ['the way outside', outside(1500), 'ok', /by docker_gwbridge/],
    ['a closed way outside', outside(1500, 'no rule'), 'failure', /reach nothing outside: no rule/],
    ['a narrow way outside', outside(1400), 'warning', /docker_gwbridge has MTU 1500, eth0 has 1400/],
    [
      'no way outside yet',
      judgeOutside({ bridges: [], drops: [], mtus: MTUS, outward: undefined }),
      'ok',
      /not there yet/,
    ],
  ];

  test.each(judged)('%s', (_, judgements, verdict, found) => {
    expect(judgements).toEqual([expect.objectContaining({ verdict, found: expect.stringMatching(found) })]);
    if (verdict !== 'ok') expect(judgements[0]?.remedy).toMatch(/\w/);
  });

  test('subnets by routes and name servers of the host', () => {
    const networks = [{ name: 'shop', subnets: ['10.9.0.0/24', 'fd00:9::/64'] }];
    const routes = [
      { destination: 'default', device: 'eth0' },
      { destination: '0.0.0.0/1', device: 'tun0' },
      { destination: '8000::/1', device: 'tun0' },
      { destination: '10.9.0.128/25', device: 'tun0' },
      { destination: 'fd00:1::/64', device: 'eth0' },
      { destination: '192.0.2.7', device: 'eth0' },
      { destination: '10.0.0.0/8', device: 'no device', type: 'blackhole' },
    ];
    const found = judgeSubnets(networks, routes, ['10.9.0.2', '192.0.2.53']);
    expect(found.map(({ verdict, found: text }) => `${verdict}: ${text}`)).toEqual([
      "warning: network shop (10.9.0.0/24) overlaps this host's route to 10.9.0.128/25 (tun0)",
      "failure: network shop (10.9.0.0/24) covers this host's name server 10.9.0.2",
    ]);
  });
});

describe('routes to the other hosts', () => {
  const peers = [{ name: 'h2', vtep: '192.0.2.2' }];
  const onLink = { destination: '192.0.2.0/24', device: 'eth0' };
  const byRouter = { destination: 'default', device: 'eth0', gateway: '198.51.100.1' };
  const judge = (path: { device?: string; refusal?: string }, routes: readonly object[], rpFilter = 0) => {
    const paths = [{ address: '192.0.2.2', ...path }];
    const known = routes as readonly { destination: string; device: string }[];
    return judgeRoutes({ interface: 'eth0', peers, paths, routes: known, rpFilter })[0];
  };

  test('all is well by the underlay, and where that has no route of its own (a VTEP on a dummy interface)', () => {
    expect(judge({ device: 'eth0' }, [onLink])?.verdict).toBe('ok');
    const elsewhere = { destination: 'default', device: 'eth1', gateway: '198.51.100.1' };
    expect(judge({ device: 'eth1' }, [elsewhere])?.verdict).toBe('ok');
  });

  test('another way is led back, by the router where there is one', () => {
    expect(judge({ device: 'tun0' }, [byRouter, onLink])).toMatchObject({
      verdict: 'warning',
      remedy: 'ip route replace 192.0.2.2 dev eth0',
    });
    expect(judge({ device: 'tun0' }, [byRouter])?.remedy).toBe(
      'ip route replace 192.0.2.2 via 198.51.100.1 dev eth0',
    );
  });

  test('with a strict rp_filter nothing comes back', () => {
    expect(judge({ device: 'tun0' }, [onLink], 1)).toMatchObject({
      verdict: 'failure',
      found: expect.stringMatching(/rp_filter of eth0 is strict/),
    });
    expect(judge({ device: 'tun0' }, [onLink], 2)?.verdict).toBe('warning');
  });

  test('a route that drops is taken away; of another cause it is said where to look', () => {
    const blackhole = { destination: '192.0.2.2', device: 'no device', type: 'blackhole' };
    expect(judge({ refusal: 'Invalid argument' }, [onLink, blackhole])).toMatchObject({
      verdict: 'failure',
      remedy: 'ip -4 route del blackhole 192.0.2.2',
    });
    // A host's own sink for what is not its network's, which does no harm there.
    const sink = { destination: '192.0.0.0/8', device: 'no device', type: 'blackhole' };
    expect(judge({ refusal: 'Invalid argument' }, [sink, onLink, blackhole])?.remedy).toMatch(
      / 192\.0\.2\.2$/,
    );
    expect(judge({ refusal: 'by a rule' }, [sink, onLink])?.remedy).toMatch(/^let a route lead there/);
    expect(judge({ refusal: 'no route' }, [])?.remedy).toMatch(/ip route get 192.0.2.2; ip rule/);
  });
});

test('what is not known is a stranger', () => {
  const observed = ['a', 'b'].map((id) => ({ id, endpointNames: [] }));
  expect(strangersOf(observed, new Set(['a'])).map(({ id }) => id)).toEqual(['b']);
});

test.each([
  ['/var/lib/xnet', '/'],
  ['/srv/a b/xnet', '/srv/a b'],
  ['/srv', '/srv'],
  ['/srvs/x', '/'],
])('the mount of %s is %s', (path, mount) => {
  const mounts = 'root / ext4 rw 0 0\nd /srv ext4 rw 0 0\nd /srv/a\\040b ext4 rw 0 0\n';
  expect(mountOf(path, mounts)).toBe(mount);
});

test('a state directory behind a link is on the mount that the link leads to', async () => {
  const [real, links] = await Promise.all(
    ['/dev/shm', tmpdir()].map((parent) => mkdtemp(join(parent, 'xnet-disk-'))),
  );
  const link = join(`${links}`, 'state');
  await symlink(`${real}`, link);
  expect(await readDisk(link)).toMatchObject({ directory: real, mount: '/dev/shm' });
  await Promise.all([real, links].map((each) => rm(`${each}`, { recursive: true })));
});

test('one at the plugin’s socket who answers without end is left in time', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-plugin-'));
  const path = join(directory, 'p.sock');
  let isLeft = false;
  const server = createServer((_, response) => {
    const timer = setInterval(() => response.write(' '), 50);
    response.on('close', () => {
      isLeft = true;
      clearInterval(timer);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    using clock = new RunningClock();
    const asked = await askPlugin(path);
    expect(clock.ms).toBeLessThan(4_000);
    expect(asked).toMatchObject({ answer: undefined, problem: 'no answer in 3000 ms' });
    await eventually(async () => expect(isLeft).toBe(true));
  } finally {
    server.closeAllConnections();
    server.close();
    await rm(directory, { recursive: true });
  }
});

test('a name server that is no address hides none of the others', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-resolv-'));
  const path = join(directory, 'resolv.conf');
  await writeFile(
    path,
    'nameserver 1.2.3\nnameserver 192.0.2.53 # the first\nnameserver fe80::1%eth0\nnameserver ::1\n',
  );
  expect(await readNameServers(path)).toEqual(['192.0.2.53', '::1']);
  await rm(directory, { recursive: true });
});
