/** Whose VXLAN packets a host takes. */
import { describe, expect, test } from '@jest/globals';
import type { KernelHint } from '../../../src/dataplane/dataplane.js';
import { namespacePath } from '../../../src/dataplane/interface-names.js';
import { PacketSocket } from '../../../src/native/packets/packet-socket.js';
import { FORGED_TYPE, sendScript, socatScript, vxlanPacket } from '../../support/attacks/frames.js';
import { Netns } from '../../support/kernel/netns.js';
import { type TestHost, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { eventually } from '../../support/time/eventually.js';
import { fragments } from '../../support/traffic/fragments.js';
import { Sniffer } from '../../support/traffic/sniffer.js';

const FORGED = /ethertype Unknown \(0x88b5\)/;

/** Sends one VXLAN packet made by hand. */
async function forge(from: TestHost, to: TestHost, vni: number, reserved = '00'): Promise<void> {
  await from.netns.exec('bash', '-c', sendScript({ vni, reserved, to: to.vtep, times: 1 }));
}

async function counter(host: TestHost, name = 'forged'): Promise<number> {
  const shown = await host.netns.exec('nft', 'list', 'counter', 'inet', 'xnet', name);
  return Number(/packets (\d+)/.exec(shown)?.[1]);
}

describe('the tunnel filter', () => {
  test('drops and counts packets of our VNIs from an unlisted VTEP, and lets the listed ones through', async () => {
    await using underlay = await TestUnderlay.create(3);
    const [victim, friend, intruder] = underlay.hosts;
    const container = await underlay.container(victim!, underlay.network(victim!, 'shop'), ['10.1.0.2/24']);
    const other = await underlay.container(friend!, underlay.network(friend!, 'shop'), ['10.1.0.3/24']);
    await underlay.connect([container, other]);
    const { vni } = container.network;
    await using before = await Sniffer.start(container.netns, 'eth0', FORGED_TYPE);
    await forge(intruder!, victim!, vni);
    await before.sees(FORGED);

    const filter = { vteps: [victim!.vtep, friend!.vtep], vnis: [vni, 1234567] };
    await victim!.dataplane.setTunnelFilter(filter);
    await using after = await Sniffer.start(container.netns, 'eth0');
    await forge(intruder!, victim!, vni);
    expect(await container.netns.reaches('10.1.0.3')).toBe(true);
    await after.sees(/echo reply/);
    expect(after.saw(FORGED)).toBe(false);
    expect(await counter(victim!)).toBe(1);

    await victim!.dataplane.setTunnelFilter({ ...filter, vnis: [vni] });
    await forge(intruder!, victim!, vni);
    expect(await counter(victim!)).toBe(2);
  });

  test('drops what a container on a bridge of the host makes by hand with the address of another host', async () => {
    await using underlay = await TestUnderlay.create(3);
    const [own, victim, friend] = underlay.hosts as [TestHost, TestHost, TestHost];
    const container = await underlay.container(victim, underlay.network(victim, 'shop'), ['10.1.0.2/24']);
    const { vni } = container.network;
    await victim.dataplane.setTunnelFilter({ vteps: [own.vtep, friend.vtep], vnis: [vni] });
    await using box = await Netns.create('box');
    for (const words of [
      'link add bridged type bridge',
      'addr add 172.30.0.1/24 dev bridged',
      'link set bridged up',
      `link add port type veth peer name eth0 netns ${box.name}`,
      'link set port master bridged up',
    ])
      await own.netns.ip(words);
    for (const words of [
      'link set lo up',
      'addr add 172.30.0.2/24 dev eth0',
      'link set eth0 up',
      'route add default via 172.30.0.1',
      `addr add ${friend.vtep}/32 dev lo`,
    ])
      await box.ip(words);
    for (const setting of ['ip_forward', 'conf/all/rp_filter', 'conf/bridged/rp_filter'])
      await own.netns.exec(
        'sh',
        '-c',
        `echo $1 >/proc/sys/net/ipv4/$0`,
        setting,
        setting === 'ip_forward' ? '1' : '0',
      );
    const sends = () =>
      box.exec('sh', '-c', socatScript({ vni, to: victim.vtep, times: 1 }, `,bind=${friend.vtep}`));
    await using before = await Sniffer.start(container.netns, 'eth0', FORGED_TYPE);
    await eventually('without a filter there it arrives', async () => {
      await sends();
      return before.saw(FORGED);
    });

    await own.dataplane.setTunnelFilter({ vteps: [victim.vtep, friend.vtep], vnis: [vni] });
    await using after = await Sniffer.start(container.netns, 'eth0', FORGED_TYPE);
    for (let n = 0; n < 3; n++) await sends();
    await eventually(async () => expect(await counter(own)).toBe(3));
    await forge(friend, victim, vni);
    await after.sees(FORGED);
    expect(await after.count()).toBe(1);
  });

  test('need not drop what is no VXLAN packet for the kernel: its byte after the VNI is not zero', async () => {
    await using underlay = await TestUnderlay.create(2);
    const [victim, intruder] = underlay.hosts;
    const network = underlay.network(victim!, 'shop');
    const container = await underlay.container(victim!, network, ['10.1.0.2/24']);
    await victim!.dataplane.setTunnelFilter({ vteps: [intruder!.vtep], vnis: [network.vni] });
    await using sniffer = await Sniffer.start(container.netns, 'eth0', FORGED_TYPE);
    await forge(intruder!, victim!, network.vni, '01');
    await forge(intruder!, victim!, network.vni, '00');
    await sniffer.sees(FORGED);
    expect(await sniffer.count()).toBe(1);
  });

  test.each([4, 6] as const)(
    'drops fragments of IPv%i that a stranger made so that the VNI is not in the first',
    async (family) => {
      await using underlay = await TestUnderlay.create(3, { family });
      const [victim, friend, intruder] = underlay.hosts as [TestHost, TestHost, TestHost];
      const network = underlay.network(victim, 'shop');
      const container = await underlay.container(victim, network, ['10.1.0.2/24']);
      const { vni } = container.network;
      await victim.dataplane.setTunnelFilter({ vteps: [victim.vtep, friend.vtep], vnis: [vni] });
      const payload = vxlanPacket({ vni });
      const macOf = ({ netns }: TestHost) => netns.exec('cat', '/sys/class/net/eth0/address');
      const send = async (from: TestHost, firstBytes: number, port = 4789) => {
        const macs = { from: (await macOf(from)).trim(), to: (await macOf(victim)).trim() };
        const source = {
          namespacePath: namespacePath(from.netns.name),
          interfaceName: 'eth0',
          snapBytes: 64,
        };
        using socket = new PacketSocket(source, () => {});
        const datagram = { from: from.vtep, to: victim.vtep, port, payload };
        for (const each of fragments(datagram, macs, firstBytes)) socket.send(each);
      };
      // So that no frame waits for a neighbour, and the counter's name is in use.
      await using sniffer = await Sniffer.start(container.netns, 'eth0', FORGED_TYPE);
      for (const firstBytes of [0, 8]) await send(intruder, firstBytes);
      await send(friend, 0);
      await sniffer.sees(FORGED);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await sniffer.count()).toBe(1);
      expect(await counter(victim)).toBe(2);
      await send(intruder, 0, 53);
      expect(await counter(victim)).toBe(2);

      // In clear nothing of an encrypted network is taken, from no host.
      const encrypted = { vteps: [victim.vtep, friend.vtep], vnis: [vni], encrypted: [vni] };
      await victim.dataplane.setTunnelFilter(encrypted);
      await send(friend, 0);
      await forge(friend, victim, vni);
      await eventually(async () => expect(await counter(victim, 'in_clear')).toBe(2));
      expect(await sniffer.count()).toBe(1);
    },
  );

  test('is set again where others altered it, and is told of only then', async () => {
    await using underlay = await TestUnderlay.create(1);
    const [host] = underlay.hosts;
    const { dataplane, netns } = host!;
    const filter = { vteps: ['10.99.0.9', '10.99.0.1', 'fd00::1'], vnis: [77, 42] };
    expect(await dataplane.setTunnelFilter(filter)).toEqual([]);
    const list = () => netns.exec('nft', '-s', 'list', 'ruleset');
    const right = await list();
    expect(await dataplane.setTunnelFilter(filter)).toEqual([]);
    for (const [was, ...words] of [
      ['missing', 'delete', 'table', 'inet', 'xnet'],
      ['altered', 'flush', 'chain', 'inet', 'xnet', 'prerouting'],
      ['altered', 'add', 'element', 'inet', 'xnet', 'vteps4', '{', '10.99.0.66', '}'],
      ['altered', 'insert', 'rule', 'inet', 'xnet', 'from_peers', 'accept'],
      ['altered', 'add', 'chain', 'inet', 'xnet', 'output', '{', 'policy', 'drop', ';', '}'],
      ['altered', 'add', 'table', 'inet', 'xnet', '{', 'flags', 'dormant', ';', '}'],
      ['missing', 'flush', 'ruleset'],
    ] as const) {
      await netns.exec('nft', ...words);
      expect(await dataplane.setTunnelFilter(filter)).toEqual([
        { kind: 'tunnel-filter', object: 'inet xnet', was },
      ]);
      expect(await list()).toBe(right);
      expect(await dataplane.setTunnelFilter(filter)).toEqual([]);
    }
    await netns.exec('nft', 'add', 'table', 'inet', 'strange');
    expect(await dataplane.setTunnelFilter(filter)).toEqual([]);
    for (let time = 1; time <= 2; time++)
      expect(await dataplane.setTunnelFilter({ ...filter, vnis: [] })).toEqual([]);
  });

  test('takes the place of one of an earlier xnet, whose sets had no size, and goes on counting', async () => {
    await using underlay = await TestUnderlay.create(1);
    const { dataplane, netns, vtep } = underlay.hosts[0]!;
    await netns.exec(
      'nft',
      'add table inet xnet; add counter inet xnet forged { packets 7 bytes 700; }; add chain inet xnet from_peers;' +
        'add set inet xnet vteps4 { type ipv4_addr; elements = { 10.99.0.9 }; };' +
        'add rule inet xnet from_peers ip saddr != @vteps4 counter name forged drop',
    );
    await dataplane.setTunnelFilter({ vteps: [vtep], vnis: [77] });
    const table = await netns.exec('nft', 'list', 'table', 'inet', 'xnet');
    expect(table.replace(/\s+/g, ' ')).toContain(
      `set vteps4 { type ipv4_addr size 16384 elements = { ${vtep} } }`,
    );
    expect(table).toContain('packets 7 bytes 700');
  });

  test('is read for a trace: which VTEPs it takes, and which VNIs it knows', async () => {
    await using underlay = await TestUnderlay.create(2);
    const [{ dataplane, vtep }, peer] = underlay.hosts as [TestHost, TestHost];
    await dataplane.setTunnelFilter({ vteps: [peer.vtep], vnis: [77, 4_242] });
    const found = async (vni: number) => (await dataplane.inspection.underlay(vtep, peer.vtep, vni)).filter;
    expect(await found(77)).toEqual({ takesPeer: true, knowsVni: true });
    expect(await found(78)).toEqual({ takesPeer: true, knowsVni: false });
    expect(await found(0)).toEqual({ takesPeer: true, knowsVni: false });
    await dataplane.setTunnelFilter({ vteps: [vtep], vnis: [78] });
    expect(await found(78)).toEqual({ takesPeer: false, knowsVni: true });
  });

  test('that others alter is reported by the kernel, but not what xnet does itself, nor other tables', async () => {
    await using underlay = await TestUnderlay.create(1);
    const { dataplane, netns } = underlay.hosts[0]!;
    const reports: KernelHint[] = [];
    await using _ = dataplane.watchKernel((hint) => {
      if (hint === 'tunnel filter') reports.push(hint);
    });
    const pause = () => new Promise((resolve) => setTimeout(resolve, 300));
    await dataplane.setTunnelFilter({ vteps: ['10.99.0.9'], vnis: [77] });
    await netns.exec('nft', 'add', 'table', 'ip', 'xnet');
    await netns.exec('nft', 'add', 'table', 'inet', 'mine');
    await pause();
    expect(reports).toEqual([]);
    for (const words of [
      ['add', 'element', 'inet', 'xnet', 'vteps4', '{', '10.99.0.66', '}'],
      ['flush', 'chain', 'inet', 'xnet', 'prerouting'],
      ['flush', 'ruleset'],
    ]) {
      reports.length = 0;
      await netns.exec('nft', ...words);
      await eventually(`a report of nft ${words.join(' ')}`, () => reports.length > 0, 2_000);
    }
  });

  test('is not taken for right when it is flushed as it is set', async () => {
    await using underlay = await TestUnderlay.create(1);
    const [host] = underlay.hosts;
    const { dataplane, netns } = host!;
    const filter = { vteps: ['10.99.0.9'], vnis: [77] };
    const flushOnce = 'until nft list table inet xnet; do :; done; nft flush ruleset';
    for (let round = 1; round <= 10; round++) {
      const flushed = netns.exec('sh', '-c', `(${flushOnce}) >/dev/null 2>&1`);
      await dataplane.setTunnelFilter(filter);
      await flushed;
      await dataplane.setTunnelFilter(filter);
      expect(await netns.exec('nft', 'list', 'ruleset')).toContain('goto from_peers');
      await netns.exec('nft', 'flush', 'ruleset');
    }
  });

  test('drops forged packets over IPv6 too', async () => {
    await using underlay = await TestUnderlay.create(2, { family: 6 });
    const [victim, intruder] = underlay.hosts;
    const container = await underlay.container(victim!, underlay.network(victim!, 'shop'), ['10.1.0.2/24']);
    const { vni } = container.network;
    await victim!.dataplane.setTunnelFilter({ vteps: [victim!.vtep], vnis: [vni] });
    await forge(intruder!, victim!, vni);
    expect(await counter(victim!)).toBe(1);
  });

  test("leaves another overlay's VNIs on the same port alone", async () => {
    await using underlay = await TestUnderlay.create(2);
    const [host, stranger] = underlay.hosts;
    await host!.netns.ip(`link add swarm type vxlan id 4097 local ${host!.vtep} dstport 4789`);
    await host!.netns.ip('link set swarm up');
    const container = await underlay.container(host!, underlay.network(host!, 'shop'), ['10.1.0.2/24']);
    await host!.dataplane.setTunnelFilter({ vteps: [host!.vtep], vnis: [container.network.vni] });
    await using atSwarm = await Sniffer.start(host!.netns, 'swarm', FORGED_TYPE);
    await forge(stranger!, host!, 4097);
    await atSwarm.sees(FORGED);
  });

  test('keeps our packets out of connection tracking both ways', async () => {
    await using underlay = await TestUnderlay.create(2);
    const [a, b] = underlay.hosts;
    const first = await underlay.container(a!, underlay.network(a!, 'shop'), ['10.1.0.2/24']);
    const second = await underlay.container(b!, underlay.network(b!, 'shop'), ['10.1.0.3/24']);
    await underlay.connect([first, second]);
    const rules = ['table inet probe {', 'counter tracked { }'];
    for (const hook of ['input', 'output']) {
      rules.push(`chain ${hook} { type filter hook ${hook} priority 0;`);
      rules.push('udp dport 4789 ct state != untracked counter name tracked; }');
    }
    const vnis = [first.network.vni];
    await a!.dataplane.setTunnelFilter({ vteps: [a!.vtep, b!.vtep], vnis });
    // Counting begins after the filter: the containers speak by themselves too (IPv6 starting up).
    await a!.netns.exec('nft', `${rules.join('\n')}\n}`);
    expect(await first.netns.reaches('10.1.0.3')).toBe(true);
    expect(await a!.netns.exec('nft', 'list', 'counter', 'inet', 'probe', 'tracked')).toContain('packets 0');
  });

  test('goes when no network is left, comes back when flushed, and leaves other tables alone', async () => {
    await using underlay = await TestUnderlay.create(1);
    const host = underlay.hosts[0]!;
    await host.netns.exec('nft', 'add table inet mine');
    const filter = { vteps: [host.vtep], vnis: [1048576] };
    await host.dataplane.setTunnelFilter(filter);
    await host.netns.exec('nft', 'delete', 'table', 'inet', 'xnet');
    await host.dataplane.setTunnelFilter(filter);
    expect(await counter(host)).toBe(0);
    await host.dataplane.setTunnelFilter({ vteps: [host.vtep], vnis: [] });
    await host.dataplane.setTunnelFilter({ vteps: [], vnis: [] });
    expect((await host.netns.exec('nft', 'list', 'tables')).trim()).toBe('table inet mine');
  });
});
