/** What a closed container reaches outside, by its packets. */
import { describe, expect, test } from '@jest/globals';
import { LinuxDataplane } from '../../../src/dataplane/linux-dataplane.js';
import {
  GatewayBridge,
  type GatewayContainer,
  OUTSIDE,
  PUBLISHED_PORT,
} from '../../support/kernel/gateway-bridge.js';
import { eventually } from '../../support/time/eventually.js';

const [FIRST, SECOND] = OUTSIDE[4];
const [FIRST6, SECOND6] = OUTSIDE[6];
const MINUTE = { seconds: 60 };

/** Whether a TCP connection is made, and what it is sent comes back. */
function connects({ netns }: GatewayContainer, address: string, port: number): Promise<boolean> {
  const to = address.includes(':') ? `TCP6:[${address}]` : `TCP:${address}`;
  return netns.exec('bash', '-c', `echo hello | timeout 2 socat -t1 - ${to}:${port},connect-timeout=1`).then(
    (text) => text.includes('hello'),
    () => false,
  );
}

async function echoServer(bridge: GatewayBridge, ...ports: number[]): Promise<void> {
  for (const port of ports)
    bridge.outside.start('socat', '-T4', `TCP6-LISTEN:${port},fork,reuseaddr,ipv6only=0`, 'EXEC:cat');
  await eventually(async () =>
    expect((await bridge.outside.exec('ss', '-Htln')).split('\n')).toHaveLength(ports.length),
  );
}

/** The host resets connections to ports at which nobody listens, but for those that it drops. */
function refusedPort({ netns }: GatewayContainer, address: string, port: number): Promise<boolean> {
  const ask = `socat -u - TCP:${address}:${port},connect-timeout=1 </dev/null 2>&1 || true`;
  return netns.exec('bash', '-c', ask).then((text) => !text.includes('Connection refused'));
}

const isClosedIn4 = ({ host }: GatewayBridge, address: string) =>
  host.succeeds('nft', `get element inet xnet-egress closed4 { ${address} }`);

const pings = ({ netns }: GatewayContainer, address: string) => netns.reaches(address, 1);

describe('a closed container', () => {
  test('reaches nothing outside but what it may, by IPv4 and IPv6; its neighbours are as they were', async () => {
    await using bridge = await GatewayBridge.create();
    const [closed, other] = [await bridge.container(), await bridge.container()];
    await echoServer(bridge, 80, 81);
    const { egress } = bridge.dataplane;
    expect(await connects(closed, FIRST, 80)).toBe(true);
    const leg = await egress.close(closed.path, []);
    expect(leg).toEqual({ port: 'veth2', addresses: ['172.18.0.2', 'fd00:18::2'] });
    for (const address of [
      FIRST,
      FIRST6,
      '172.18.0.1',
      'fd00:18::1',
      '192.0.2.254',
      other.address,
      'fd00:18::3',
    ])
      expect([address, await pings(closed, address)]).toEqual([address, false]);
    expect(await connects(closed, FIRST, 80)).toBe(false);
    expect(await connects(other, FIRST, 80)).toBe(true);
    expect(await pings(other, FIRST6)).toBe(true);

    await egress.close(closed.path, [
      { subnet: '192.0.2.0/31', port: 80, protocol: 'tcp' },
      { subnet: `${SECOND6}/128` },
    ]);
    expect(await connects(closed, FIRST, 80)).toBe(true);
    expect(await connects(closed, FIRST, 81)).toBe(false);
    expect(await connects(closed, SECOND, 80)).toBe(false);
    expect(await pings(closed, SECOND6)).toBe(true);
    expect(await pings(closed, FIRST6)).toBe(false);

    egress.admit(closed.path, [
      { address: SECOND, ...MINUTE },
      { address: FIRST6, ...MINUTE, ports: [{ port: 81, protocol: 'tcp' }] },
    ]);
    expect(await connects(closed, SECOND, 81)).toBe(true);
    expect(await connects(closed, FIRST6, 81)).toBe(true);
    expect(await connects(closed, FIRST6, 80)).toBe(false);

    // No name leads to an address of the host, whatever it is; a subnet of the label does.
    const ofHost = '192.0.2.254';
    egress.admit(closed.path, [{ address: ofHost, ...MINUTE }]);
    egress.admit(closed.path, [{ address: ofHost, ...MINUTE, ports: [{ port: 81, protocol: 'tcp' }] }]);
    expect(await pings(closed, ofHost)).toBe(false);
    expect(await refusedPort(closed, ofHost, 81)).toBe(true);

    const refused = egress.refused(['172.18.0.2', 'fd00:18::2']);
    expect(refused).toContainEqual(
      expect.objectContaining({ destination: FIRST, protocol: 'tcp', port: 81, packets: expect.any(Number) }),
    );
    expect(refused).toContainEqual(
      expect.objectContaining({ destination: FIRST6, protocol: 'tcp', port: 80 }),
    );
    expect(refused.at(-1)).toMatchObject({ destination: ofHost, protocol: 'tcp', port: 81 });
    await egress.close(closed.path, [{ subnet: `${ofHost}/32` }]);
    expect(await pings(closed, ofHost)).toBe(true);
    await egress.open(closed.path);
    expect(await connects(closed, FIRST, 81)).toBe(true);
    expect(await pings(closed, FIRST6)).toBe(true);
  }, 60_000);

  test('keeps a connection after its address has run out, and gets no other to it; answers who calls its published port', async () => {
    await using bridge = await GatewayBridge.create();
    const closed = await bridge.container();
    await bridge.publish(closed);
    await echoServer(bridge, 80);
    const { egress } = bridge.dataplane;
    await egress.close(closed.path, []);
    egress.admit(closed.path, [{ address: FIRST, seconds: 1 }]);
    const kept = closed.netns.start(
      'bash',
      '-c',
      `(for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done) | socat -t2 - TCP:${FIRST}:80`,
    );
    await eventually(() => expect(kept.output()).toContain('6'));
    expect(await connects(closed, FIRST, 80)).toBe(false);
    closed.netns.start('socat', 'TCP-LISTEN:80,fork', 'EXEC:cat');
    await eventually(async () =>
      expect(
        await bridge.outside.exec('bash', '-c', `echo hello | socat -t1 - TCP:192.0.2.254:${PUBLISHED_PORT}`),
      ).toContain('hello'),
    );
  }, 30_000);

  test('has no other source, and no frame of its reaches a neighbour', async () => {
    await using bridge = await GatewayBridge.create();
    const [closed, other] = [await bridge.container(), await bridge.container()];
    await bridge.dataplane.egress.close(closed.path, []);
    await closed.netns.ip('address add 172.18.0.77/16 dev eth1');
    await closed.netns.ip('address add fd00:18::77/64 dev eth1 nodad');
    for (const [source, to] of [
      ['172.18.0.77', FIRST],
      ['fd00:18::77', FIRST6],
    ] as const)
      expect(await closed.netns.reaches(to, 1, ['-I', source])).toBe(false);
    const mac = /ether (\S+)/.exec(await other.netns.ip('link show eth1'))?.[1];
    await closed.netns.ip(`neighbour replace ${other.address} lladdr ${mac} dev eth1`);
    await closed.netns.ip('address flush dev eth1');
    await closed.netns.ip('address add 172.18.9.9/16 dev eth1');
    await closed.netns.ip(`neighbour replace ${other.address} lladdr ${mac} dev eth1`);
    expect(await pings(closed, other.address)).toBe(false);
    const forged = await bridge.host.exec('nft', 'list', 'counter', 'netdev', 'xnet-egress', 'forged');
    expect(Number(/packets (\d+)/.exec(forged)?.[1])).toBeGreaterThan(0);
  }, 30_000);

  test('keeps the addresses that it had when it was closed, also for a daemon that starts later', async () => {
    await using bridge = await GatewayBridge.create();
    const [closed, neighbour] = [await bridge.container(), await bridge.container()];
    const { egress } = bridge.dataplane;
    const leg = await egress.close(closed.path, []);
    await egress.close(neighbour.path, []);
    egress.admit(neighbour.path, [{ address: FIRST, ...MINUTE }]);
    const through = closed.netns.start('ping', '-n', '-i', '0.005', SECOND);
    for (let added = 100; added < 110; added += 1) {
      await closed.netns.ip(`address add 172.18.0.${added}/32 dev eth1`);
      expect(await egress.close(closed.path, [])).toEqual(leg);
    }
    await through.stop();
    expect(through.output()).toContain('PING');
    expect(through.output()).not.toContain('bytes from');
    await using later = new LinuxDataplane({ hostNamespace: bridge.host.name });
    await closed.netns.ip(`address add ${neighbour.address}/32 dev eth1`);
    for (const daemon of [egress, later.egress]) {
      expect(await daemon.close(closed.path, [])).toEqual(leg);
      for (const source of ['172.18.0.101', neighbour.address])
        expect(await closed.netns.reaches(FIRST, 1, ['-I', source])).toBe(false);
      expect(await pings(neighbour, SECOND)).toBe(false);
    }
    await closed.netns.ip(`address delete ${neighbour.address}/32 dev eth1`);
    await later.egress.close(closed.path, []);
    await later.egress.close(neighbour.path, []);
    await later.egress.open(closed.path);
    expect(await isClosedIn4(bridge, neighbour.address)).toBe(true);
    expect(await pings(neighbour, SECOND)).toBe(false);
    expect(await pings(neighbour, FIRST)).toBe(true);
  }, 60_000);

  test('stays closed when the one that had its address before is opened, and reaches nothing that this one could', async () => {
    await using bridge = await GatewayBridge.create();
    const former = await bridge.container();
    const { egress } = bridge.dataplane;
    await egress.close(former.path, [{ subnet: `${FIRST6}/128` }]);
    egress.admit(former.path, [{ address: FIRST, ...MINUTE }]);
    expect(await pings(former, FIRST)).toBe(true);
    // As long as that one is there, the address is not this one's.
    const next = await bridge.container(2);
    expect(await egress.close(next.path, [])).toEqual({ port: 'veth3', addresses: [] });
    expect(await pings(next, FIRST)).toBe(false);
    await bridge.host.ip('link delete veth2');
    const leg = { port: 'veth3', addresses: ['172.18.0.2', 'fd00:18::2'] };
    expect(await egress.close(next.path, [{ subnet: '2001:db8::/64', port: 80 }])).toEqual(leg);
    await egress.open(former.path);
    expect(await isClosedIn4(bridge, '172.18.0.2')).toBe(true);
    for (const address of [FIRST, SECOND, FIRST6])
      expect([address, await pings(next, address)]).toEqual([address, false]);
    expect(await egress.repair()).toEqual([]);
    egress.admit(next.path, [{ address: SECOND, ...MINUTE }]);
    await eventually(() => pings(next, SECOND));
    // The first that a later daemon closes there is another one than an earlier daemon has let through.
    await bridge.host.ip('link delete veth3');
    const last = await bridge.container(2);
    await using later = new LinuxDataplane({ hostNamespace: bridge.host.name });
    await later.egress.close(last.path, []);
    expect(await pings(last, SECOND)).toBe(false);
    expect(await pings(last, FIRST6)).toBe(false);
  }, 60_000);

  test('has no way out while it cannot be closed, and has it again when it can', async () => {
    await using bridge = await GatewayBridge.create();
    const closed = await bridge.container();
    const { egress } = bridge.dataplane;
    await egress.prepare();
    // No chain at a device can have this name.
    await bridge.host.exec('nft', 'add chain netdev xnet-egress veth2');
    await expect(egress.close(closed.path, [{ subnet: `${FIRST}/32` }])).rejects.toThrow(/nft/);
    expect(await pings(closed, FIRST)).toBe(false);
    await bridge.host.exec('nft', 'delete chain netdev xnet-egress veth2');
    await egress.close(closed.path, [{ subnet: `${FIRST}/32` }]);
    await eventually(() => pings(closed, FIRST));
    expect(await pings(closed, SECOND)).toBe(false);
  }, 30_000);

  test('is closed on a docker_gwbridge of another name, also before that is known', async () => {
    await using bridge = await GatewayBridge.create('gw0');
    const closed = await bridge.container();
    const { egress } = bridge.dataplane;
    expect(await pings(closed, FIRST)).toBe(true);
    const leg = { port: 'veth2', addresses: ['172.18.0.2', 'fd00:18::2'] };
    expect(await egress.close(closed.path, [])).toEqual(leg);
    expect(await pings(closed, FIRST)).toBe(false);
    expect(egress.useBridge('gw0')).toBe(true);
    expect(egress.useBridge('gw0')).toBe(false);
    expect(await egress.close(closed.path, [{ subnet: `${FIRST}/32` }])).toEqual(leg);
    expect(await pings(closed, FIRST)).toBe(true);
    expect(await pings(closed, SECOND)).toBe(false);
    // By Docker's last word it is another bridge: it has been made anew, or the container is in another network that leads outside.
    expect(egress.useBridge('docker_gwbridge')).toBe(true);
    expect(await egress.close(closed.path, [])).toEqual(leg);
    expect(await pings(closed, SECOND)).toBe(false);
    expect(await egress.close(closed.path, [], true)).toBeUndefined();
    expect(await pings(closed, SECOND)).toBe(true);
    expect(egress.useBridge(undefined)).toBe(true);
    expect(await egress.close(closed.path, [], true)).toEqual(leg);
    expect(await pings(closed, SECOND)).toBe(false);
  }, 30_000);

  test('is closed again after a flush, also to what it connected to in between; a daemon that starts finds all as it was', async () => {
    await using bridge = await GatewayBridge.create();
    const closed = await bridge.container();
    await echoServer(bridge, 80);
    const { egress } = bridge.dataplane;
    await egress.close(closed.path, [{ subnet: `${SECOND6}/128` }]);
    egress.admit(closed.path, [{ address: SECOND, ...MINUTE }]);
    expect(await egress.repair()).toEqual([]);
    for (const table of ['inet', 'bridge', 'netdev'])
      await bridge.host.exec('nft', 'delete', 'table', table, 'xnet-egress');
    expect(await connects(closed, FIRST, 80)).toBe(true);
    const between = closed.netns.start(
      'bash',
      '-c',
      `(for i in 1 2 3 4 5 6; do echo n$i; sleep 0.5; done) | socat -t1 - TCP:${FIRST}:80`,
    );
    await eventually(() => expect(between.output()).toContain('n1'));
    expect(await egress.repair()).toHaveLength(3);
    expect(await egress.repair()).toEqual([]);
    const seen = between.output();
    expect(await pings(closed, FIRST)).toBe(false);
    expect(await connects(closed, SECOND, 80)).toBe(true);
    expect(await pings(closed, SECOND6)).toBe(true);
    await between.stop();
    expect(between.output()).toBe(seen);
    for (const words of [
      'flush chain inet xnet-egress closed4',
      'flush set inet xnet-egress closed4',
      'flush chain netdev xnet-egress veth2',
      'flush set bridge xnet-egress ports',
    ]) {
      await bridge.host.exec('nft', words);
      expect([words, await egress.repair()]).toEqual([words, [expect.stringContaining('xnet-egress')]]);
      expect(await pings(closed, FIRST)).toBe(false);
    }
  }, 30_000);
});
