/** The packets of a trace's probe are seen at the interfaces that they pass. */
import { expect, test } from '@jest/globals';
import { linuxProbing } from '../../../src/dataplane/probe/linux-probing.js';
import { TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { TunLink } from '../../support/kernel/tun-link.js';
import { eventually } from '../../support/time/eventually.js';

test('an underlay without link headers shows them, too', async () => {
  await using link = await TunLink.create();
  const { near } = link;
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
