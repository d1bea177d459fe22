/** The packets of a trace's probe are seen at the interfaces that they pass. */
import { expect, test } from '@jest/globals';
import { linuxProbing } from '../../../src/dataplane/probe/linux-probing.js';
import { Netns } from '../../support/kernel/netns.js';
import { TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { eventually } from '../../support/time/eventually.js';

test('an underlay without link headers shows them, too', async () => {
  await using near = await Netns.create('near');
  await using far = await Netns.create('far');
  await near.ip(`link add eth0 type veth peer name eth0 netns ${far.name}`);
  for (const [netns, n, other] of [
    [near, 1, 2],
    [far, 2, 1],
  ] as const) {
    await netns.ip(`addr add 10.77.0.${n}/24 dev eth0`);
    await netns.ip('link set eth0 up');
    const tun = `TUN:10.78.0.${n}/24,tun-name=tun0,iff-no-pi,iff-up`;
    // Not connected: a packet that comes before the other end is there would end this one.
    netns.start('socat', tun, `UDP-DATAGRAM:10.77.0.${other}:9000,bind=10.77.0.${n}:9000`);
  }
  await eventually(async () => expect(await near.reaches('10.78.0.2', 1)).toBe(true));
  const flow = { protocol: 'icmp', destination: '10.78.0.2', id: 20_001 } as const;
  const probing = linuxProbing(near.name);
  using armed = await probing.arm({ peer: '10.78.0.2' }, ['underlay'], flow);
  expect(await probing.send(undefined, flow)).toBeUndefined();
  const seen = { place: 'underlay', interface: 'tun0', request: true, answers: ['echo reply'] };
  await eventually(() => expect(armed.seen()).toEqual([seen]));
}, 30_000);

test.each([4, 6] as const)(
  'in a tunnel over IPv%d they are seen at each place',
  async (family) => {
    await using underlay = await TestUnderlay.create(2, { family });
    const [a, b] = underlay.hosts;
    const first = await underlay.container(a!, underlay.network(a!, 'shop'), ['10.1.0.2/24']);
    const second = await underlay.container(b!, underlay.network(b!, 'shop'), ['10.1.0.3/24']);
    await underlay.connect([first, second]);
    const sandboxPath = `/run/netns/${first.netns.name}`;
    const { network, endpoint } = first;
    const site = {
      ...{ sandboxPath, mac: endpoint.mac, peer: b!.vtep },
      endpoint: { networkId: network.id, endpointId: endpoint.id },
    };
    const flow = { protocol: 'icmp', destination: '10.1.0.3', id: 20_002 } as const;
    const probing = linuxProbing(a!.netns.name);
    const places = ['interface', 'port', 'tunnel', 'underlay'] as const;
    const inTunnel = { ...flow, tunnel: { vni: network.vni, port: 4789 } };
    using armed = await probing.arm(site, places, inTunnel);
    expect(await probing.send(sandboxPath, inTunnel)).toBeUndefined();
    await eventually(() =>
      expect(armed.seen().map(({ request, answers }) => [request, ...answers])).toEqual(
        places.map(() => [true, 'echo reply']),
      ),
    );
  },
  30_000,
);
