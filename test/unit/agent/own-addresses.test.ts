import { expect, test } from '@jest/globals';
import { OwnAddresses } from '../../../src/agent/egress/own-addresses.js';
import type { HostsListener } from '../../../src/agent/hosts/hosts-view.js';
import type { HostRecord } from '../../../src/model/host.js';
import type { NetworkRecord } from '../../../src/model/network.js';

/** Networks whose subnets are counted as they are read. */
class Cluster {
  records: readonly NetworkRecord[] = [];
  reads = 0;
  gateways = ['172.18.0.0/16'];
  readonly listeners: HostsListener[] = [];
  readonly addresses = new OwnAddresses(
    {
      list: () => [{ host: { vtep: '192.0.2.7' } as HostRecord, alive: true }],
      gatewaySubnets: () => this.gateways.map((subnet) => ({ hostName: 'h1', subnet })),
      onChange: (listener) => {
        this.listeners.push(listener);
        return () => undefined;
      },
    },
    this,
  );

  add(...subnets: readonly string[]): void {
    const record = Object.defineProperty({}, 'pools', {
      get: () => {
        this.reads += 1;
        return subnets.map((subnet) => ({ poolKey: 'pool', subnet }));
      },
    });
    this.records = [...this.records, record as NetworkRecord];
  }
}

test.each([
  ['192.0.2.7', true],
  ['192.0.2.8', false],
  ['172.18.255.255', true],
  ['172.19.0.0', false],
  ['10.9.0.255', true],
  ['10.9.1.0', false],
  ['10.64.3.9', true],
  ['fd00:9::7', true],
  ['fd00:a::7', false],
  ['203.0.113.5', false],
])('%s is of the cluster: %s', (address, isOwn) => {
  const cluster = new Cluster();
  cluster.add('10.9.0.0/24', 'fd00:9::/64');
  cluster.add('10.64.0.0/14', '0.0.0.0/0');
  expect(cluster.addresses.has(address)).toBe(isOwn);
});

test('subnets are read once, and again when one has changed', () => {
  const cluster = new Cluster();
  for (let network = 0; network < 200; network += 1) cluster.add(`10.9.${network}.0/24`);
  for (let asked = 0; asked < 50; asked += 1) expect(cluster.addresses.has('10.9.250.1')).toBe(false);
  expect(cluster.reads).toBe(200);
  cluster.add('10.9.250.0/24');
  expect(cluster.addresses.has('10.9.250.1')).toBe(true);

  expect(cluster.addresses.has('172.20.0.1')).toBe(false);
  cluster.gateways = ['172.20.0.0/16'];
  for (const changed of cluster.listeners) changed(new Set());
  expect(cluster.addresses.has('172.20.0.1')).toBe(true);
});
