import { expect, test } from '@jest/globals';
import { ParentWatch } from '../../../src/agent/lan/parent-watch.js';
import type { LanParent } from '../../../src/dataplane/lan-reading.js';
import type { LanSpec } from '../../../src/dataplane/modes.js';
import { muteLogger } from '../../support/loggers.js';

const ETH1: LanParent = {
  ...{ interface: 'eth1', mtu: 1500, mac: '02:00:00:00:00:01' },
  ...{ isUp: true, hasCarrier: true, isMade: true },
};
const onLan = (parent?: string) => ({
  ...{ kind: 'macvlan', submode: 'bridge', gateways: [] },
  ...(parent !== undefined && { parent }),
});

function watchOf(found: LanParent | undefined, mode: object | undefined = onLan('office')) {
  const asked: (string | undefined)[] = [];
  const record = { id: 'c0ffee', name: 'lan', mode };
  const watch = new ParentWatch({
    local: { listNetworks: () => [{ dockerNetworkId: 'd', record }] as never },
    dataplane: {
      lanParents: async (modes: readonly LanSpec[]) => {
        asked.push(...modes.map(({ parent }) => parent));
        return modes.map(() => found);
      },
    },
    parents: { office: 'eth1' },
    logger: muteLogger,
  });
  return { watch, asked };
}

test('the interface that the host has for a LAN is followed, and nothing is wrong with it', async () => {
  const { watch, asked } = watchOf(ETH1);
  expect(await watch.readParent('c0ffee')).toEqual(ETH1);
  expect(asked).toEqual(['eth1']);
  expect(watch.problems).toEqual([]);
});

test.each<[string, LanParent | undefined, RegExp]>([
  [
    'is missing',
    undefined,
    /network lan is .*no interface eth1 \(office in `parents`\), .*"parents": \{ "office"/,
  ],
  [
    'is on one that is down',
    { ...ETH1, interface: 'eth1.10', isUp: false, down: 'eth1' },
    /eth1 is down; run ip link set eth1 up$/,
  ],
  ['is down', { ...ETH1, isUp: false, hasCarrier: false }, /eth1 is down; run ip link set eth1 up$/],
  [
    'is that of a VLAN on one that is down',
    { ...ETH1, interface: 'eth1.10', down: 'eth1', isUp: false, hasCarrier: false },
    /eth1 is down; run ip link set eth1 up$/,
  ],
  [
    'is a port of a bridge',
    { ...ETH1, unfit: 'eth1 is a port of br0, which takes all its packets; use br0' },
    /lan does not reach its LAN: eth1 is a port of br0, .*use br0 \(`"parents": \{ "office"/,
  ],
  ['has no carrier', { ...ETH1, hasCarrier: false }, /eth1 has no carrier; look at its cable and switch$/],
])('an interface that %s is a problem with its remedy', async (_, found, problem) => {
  const { watch } = watchOf(found);
  await watch.refresh();
  expect(watch.problems).toEqual([expect.stringMatching(problem)]);
});

test.each([[undefined], [{ kind: 'overlay' }], [onLan()]])(
  'a network that is on no LAN of the host is not looked at: %j',
  async (mode) => {
    const { watch, asked } = watchOf(undefined, mode ?? { kind: 'routed' });
    await watch.refresh();
    expect([asked, watch.problems]).toEqual([[], []]);
  },
);
