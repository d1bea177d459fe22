/** What a closed container reaches outside, by its packets. */
import { describe, expect, test } from '@jest/globals';
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

    const refused = egress.refused(['172.18.0.2', 'fd00:18::2']);
    expect(refused).toContainEqual(
      expect.objectContaining({ destination: FIRST, protocol: 'tcp', port: 81, packets: expect.any(Number) }),
    );
    expect(refused.at(-1)).toMatchObject({ destination: FIRST6, protocol: 'tcp', port: 80 });
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
