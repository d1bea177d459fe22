/** Encrypted tunnels between hosts, by WireGuard of the kernel or by wireguard-go: what is on the underlay, what is repaired, what fails closed. */
import { describe, expect, test } from '@jest/globals';
import { Encryption } from '../../../src/agent/encryption/encryption.js';
import { type EncryptionKeys, makeKey, publicKeyOf } from '../../../src/agent/encryption/encryption-keys.js';
import { listUnknownEncrypted } from '../../../src/agent/encryption/unknown-tunnels.js';
import { ENCRYPTION_SUBNET } from '../../../src/inet/encrypted-vtep.js';
import { RepairLog } from '../../../src/observability/repair-log.js';
import { type EncryptedHost, EncryptedHosts, withoutPrograms } from '../../support/kernel/encrypted-hosts.js';
import { muteLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';
import { pingMeanwhile } from '../../support/traffic/ping-meanwhile.js';
import { Sniffer } from '../../support/traffic/sniffer.js';

async function twoContainers(hosts: EncryptedHosts) {
  const [a, b] = hosts.hosts as [EncryptedHost, EncryptedHost];
  await hosts.ensureAll();
  const first = await hosts.container(a, 'shop', '10.1.0.2/24');
  const second = await hosts.container(b, 'shop', '10.1.0.3/24');
  await hosts.connect([first, second]);
  return { a, b, first, second };
}

const VXLAN = 'udp port 4789 or arp net 10.1.0.0/24 or net 10.1.0.0/24';

describe.each([
  { family: 4, overhead: 60 + 70 },
  { family: 6, overhead: 80 + 70 },
] as const)('over an IPv$family underlay', ({ family, overhead }) => {
  test('containers reach each other with packets of full MTU, and nothing but WireGuard is on the underlay', async () => {
    await using hosts = await EncryptedHosts.create(2, { family });
    const { a, first, second } = await twoContainers(hosts);
    await using clear = await Sniffer.start(hosts.underlay.wire, 'h1', VXLAN);
    await using encrypted = await Sniffer.start(hosts.underlay.wire, 'h1', 'udp port 51820');
    const sends = (bytes: number, seconds: number) =>
      first.netns.reaches(second.addresses[0]!, seconds, ['-M', 'do', '-s', `${bytes}`]);
    const payload = 1500 - overhead - 28;
    expect(await sends(payload, 5)).toBe(true);
    expect(await sends(payload + 1, 1)).toBe(false);
    await encrypted.sees(/\.51820: UDP, length 1[34]\d\d/);
    expect(await clear.count()).toBe(0);
    const [peer] = await a.device.read('xnet-wg0');
    expect(peer?.handshake).toBeInstanceOf(Date);
    expect(peer?.received).toBeGreaterThan(payload);
  });
});

test('nothing leaves in clear while the device is gone; it is made again, and packets pass', async () => {
  await using hosts = await EncryptedHosts.create(2);
  const { a, first, second } = await twoContainers(hosts);
  const [address] = second.addresses as [string];
  expect(await first.netns.reaches(address)).toBe(true);
  await using underlay = await Sniffer.start(a.netns, 'eth0', 'not ether proto 0x806 and not icmp6');
  await a.netns.ip('link del xnet-wg0');
  expect(await first.netns.reaches(address, 2)).toBe(false);
  expect(
    await a.netns.succeeds(
      'ip',
      '-6',
      'route',
      'get',
      second.addresses[0]!.replace(/.*/, ENCRYPTION_SUBNET.replace('/48', '1')),
    ),
  ).toBe(false);
  // A time of tcpdump's may have such digits, too.
  expect(underlay.saw(/10\.1\.0\.|\.4789\b/)).toBe(false);
  expect(await hosts.ensure(a)).toEqual([{ kind: 'encryption', object: 'xnet-wg0', was: 'missing' }]);
  expect(await first.netns.reaches(address, 10)).toBe(true);
});

test('a device that was made anew greets the others: what they send is read again without a packet of its own', async () => {
  await using hosts = await EncryptedHosts.create(2);
  const { b, first, second } = await twoContainers(hosts);
  expect(await first.netns.reaches(second.addresses[0]!)).toBe(true);
  await b.netns.ip('link del xnet-wg0');
  await hosts.ensure(b);
  await eventually(async () =>
    expect(await b.device.read('xnet-wg0')).toMatchObject([{ handshake: expect.any(Date) }]),
  );
  expect(await withoutPrograms(() => hosts.ensure(b))).toEqual([]);
  expect(await first.netns.reaches(second.addresses[0]!, 5)).toBe(true);
});

test('a network that its host does not know any more goes on, encrypted', async () => {
  await using hosts = await EncryptedHosts.create(2);
  const { a, first, second } = await twoContainers(hosts);
  const local = { listNetworks: () => [] };
  const listed: (readonly number[])[] = [];
  const encryption = new Encryption({
    ...{ hostId: a.id, device: a.device, local, port: 51820, keepalive: 0, logger: muteLogger },
    keys: { all: a.keys } as EncryptionKeys,
    hosts: { list: () => hosts.records.map((host) => ({ host, alive: true })) },
    underlay: () => ({ vtep: a.vtep, interface: 'eth0', mtu: 1500 }),
    repairs: new RepairLog(muteLogger),
    listUnknown: async () => {
      listed.push(await listUnknownEncrypted({ dataplane: a.dataplane, local }));
      return listed.at(-1) ?? [];
    },
  });
  await using _ = encryption;
  // Where there is a way for all packets, they would take it.
  await a.netns.ip('-6 route add default dev eth0');
  await using underlay = await Sniffer.start(a.netns, 'eth0', 'not ether proto 0x806 and not icmp6');
  encryption.start();
  await eventually(() => expect(encryption.states.size).toBe(1));
  expect(listed[0]).toContain(first.network.vni);
  expect(await first.netns.reaches(second.addresses[0]!, 5)).toBe(true);
  await a.netns.ip('link del xnet-wg0');
  await first.netns.reaches(second.addresses[0]!, 1);
  expect(underlay.saw(/10\.1\.0\.|\.4789\b/)).toBe(false);
});

test('what others alter is put right, and looked at again it is right, for which no program is started', async () => {
  await using hosts = await EncryptedHosts.create(2);
  const { a, b } = await twoContainers(hosts);
  const device = 'xnet-wg0';
  const peer = publicKeyOf(b.keys[0]!.privateKey);
  const enter = ['sh', '-c', `mount --bind /run/wireguard/${a.netns.name} /run/wireguard && exec "$@"`, 'sh'];
  const wg = (...words: string[]) =>
    a.netns.exec(enter[0]!, ...enter.slice(1), 'wg', 'set', device, ...words);
  const altered = { kind: 'encryption', object: device, was: 'altered' };
  const cases: [() => Promise<unknown>, object][] = [
    [() => wg('peer', peer, 'remove'), { kind: 'encryption', object: peer, was: 'missing' }],
    [() => wg('peer', peer, 'allowed-ips', '::/0'), { kind: 'encryption', object: peer, was: 'altered' }],
    [() => wg('listen-port', '4000'), altered],
    [() => a.netns.ip(`link set ${device} down`), altered],
    [() => a.netns.ip(`addr flush dev ${device}`), altered],
    [() => a.netns.ip(`-6 route del unreachable ${ENCRYPTION_SUBNET}`), altered],
    [
      async () => {
        await a.netns.ip(`-6 route add unreachable ${ENCRYPTION_SUBNET} table 77`);
        await a.netns.ip(`-6 route del unreachable ${ENCRYPTION_SUBNET}`);
      },
      altered,
    ],
  ];
  for (const [alter, repair] of cases) {
    await alter();
    expect(await hosts.ensure(a)).toContainEqual(repair);
    expect(await withoutPrograms(() => hosts.ensure(a))).toEqual([]);
  }
  expect(await withoutPrograms(() => a.device.read(device))).toEqual([
    expect.objectContaining({ publicKey: peer, endpoint: `${b.vtep}:51820` }),
  ]);
});

test('keys are changed with both in use for a while, and no packet is lost', async () => {
  await using hosts = await EncryptedHosts.create(2);
  const { a, first, second } = await twoContainers(hosts);
  expect(await first.netns.reaches(second.addresses[0]!)).toBe(true);
  await using pings = await pingMeanwhile(first.netns, second.addresses[0]!);
  const [former] = a.keys;
  a.keys = [former!, makeKey(1, new Date())];
  await hosts.ensureAll();
  a.keys = [a.keys[1]!, former!];
  await hosts.ensureAll();
  for (const container of [first, second])
    await container.host.dataplane.ensureNetwork(hosts.network(container.host as EncryptedHost, 'shop'));
  await hosts.connect([first, second]);
  await eventually('packets go by the new key', async () =>
    (await a.device.read('xnet-wg1')).some(({ received }) => received > 1000),
  );
  a.keys = [a.keys[0]!];
  // Of what the kernel has cached of VXLAN's ways some is by the former device still: it goes before the others forget its key.
  await hosts.ensure(a);
  await hosts.ensureAll();
  const before = pings.answered();
  await eventually('some more packets', () => pings.answered() > before + 20);
  expect(await pings.lost()).toEqual([]);
  expect(await a.netns.succeeds('ip', 'link', 'show', 'xnet-wg0')).toBe(false);
});

test('all of it is removed, and what remains of packets for the tunnels has no way out', async () => {
  await using hosts = await EncryptedHosts.create(1);
  const [a] = hosts.hosts as [EncryptedHost];
  await hosts.ensure(a);
  await a.device.remove();
  await a.device.remove();
  expect(await a.netns.ip('-6 route show root fd78:6e65:7457::/48')).toBe('');
  expect(await a.netns.ip('-br link')).not.toContain('xnet-wg');
  await eventually(
    'no program is left',
    async () =>
      (await a.netns.exec('ip', 'netns', 'pids', a.netns.name)).split('\n').filter(Boolean).length <= 1,
  );
});
