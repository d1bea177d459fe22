/** The plan of a host with many networks. */
import { expect, test } from '@jest/globals';
import { planMirror } from '../../../src/agent/mirror/mirror-plan.js';
import type { MirrorView } from '../../../src/agent/mirror/mirror-view.js';
import { networkSpec } from '../../support/fake-docker/network-spec.js';

function viewOf(count: number, subnetOf: (n: number) => string): MirrorView {
  const networks = Array.from({ length: count }, (_, n) => ({
    ...{ version: 1 as const, id: `n${n}`, name: `net${n}`, vni: n + 1, multicast: true, internal: false },
    pools: [{ poolKey: `xnet-local~${subnetOf(n)}`, subnet: subnetOf(n) }],
    mirror: networkSpec(`net${n}`),
  }));
  const seen = (n: number) => ({ name: `net${n}`, database: 'db' });
  const bindings = networks.map(({ id }, n) => ({
    ...{ version: 1 as const, networkId: id, hostId: 'h1', dockerNetworkId: `d${n}`, seen: seen(n) },
  }));
  const dockerNetworks = networks.map(({ name }, n) => ({
    ...{ id: `d${n}`, scope: 'local', ...networkSpec(name, { driver: 'xnet' }) },
  }));
  const none = new Set<string>();
  return {
    ...{
      networks,
      bindings,
      dockerNetworks,
      database: 'db',
      published: { gatewaySubnets: [], dockerDatabase: 'db' },
    },
    ...{
      used: none,
      containers: [],
      gone: none,
      made: new Map(),
      strays: none,
      justRemoved: none,
      awaited: none,
    },
  } as unknown as MirrorView;
}

const subnetOf = (n: number) => `10.${n >> 8}.${n & 255}.0/24`;

test('two networks with one subnet are a problem, once', () => {
  const view = viewOf(4, (n) => subnetOf(n % 3));
  expect(planMirror(view).filter((step) => typeof step === 'string')).toEqual([
    expect.stringMatching(/^networks net0 and net3 were created with one subnet, 10\.0\.0\.0\/24/),
  ]);
});
