import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { NetworkPeers } from '../../../src/agent/paths/network-peers.js';
import type { EndpointRecord } from '../../../src/model/endpoint.js';

const endpoint = (hostId: string) => ({ hostId }) as EndpointRecord;

test('a host that has no endpoint in a network any more shares it with nobody, though it is still followed', () => {
  const endpoints = [endpoint('own'), endpoint('h2')];
  const peers = new NetworkPeers({ hostId: 'own', endpointsOf: () => endpoints, usesTunnel: () => true });
  let noted = 0;
  peers.onChange(() => {
    noted += 1;
  });
  peers.changed('n1');
  expect([...peers.ids]).toEqual(['h2']);
  noted = 0;
  peers.changed('n1', [{ before: endpoints[0], now: undefined }]);
  expect([...peers.ids]).toEqual([]);
  peers.changed('n1', [{ before: undefined, now: endpoints[0] }]);
  expect([...peers.ids]).toEqual(['h2']);
  expect(noted).toBe(2);
});

test('hosts that share nothing but a LAN have no path between them', () => {
  const endpoints = [endpoint('own'), endpoint('h2')];
  const usesTunnel = (id: string) => id !== 'lan';
  const peers = new NetworkPeers({ hostId: 'own', endpointsOf: () => endpoints, usesTunnel });
  peers.changed('lan');
  expect([...peers.ids]).toEqual([]);
  peers.changed('shop');
  expect([...peers.ids]).toEqual(['h2']);
});

test('hosts that share a network are those with endpoints in it, whatever comes and goes', () => {
  const change = fc.record({
    network: fc.constantFrom('n1', 'n2'),
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    host: fc.constantFrom('own', 'h2', 'h3', undefined),
    isAnew: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const networks = new Map<string, Map<string, EndpointRecord>>();
      const peers = new NetworkPeers({
        hostId: 'own',
        endpointsOf: (id) => {
          const endpoints = networks.get(id);
          return endpoints && [...endpoints.values()];
        },
        usesTunnel: () => true,
      });
      let noted = new Set<string>();
      peers.onChange(() => {
        noted = new Set(peers.ids);
      });
      for (const { network, key, host, isAnew } of changes) {
        const endpoints = networks.get(network) ?? new Map<string, EndpointRecord>();
        const isFirst = !networks.has(network);
        networks.set(network, endpoints);
        const before = endpoints.get(key);
        const now = host === undefined ? undefined : endpoint(host);
        if (now) endpoints.set(key, now);
        else endpoints.delete(key);
        peers.changed(network, isFirst || isAnew ? undefined : [{ before, now }]);
        const wanted = [...networks.values()].flatMap((each) => {
          const ids = [...each.values()].map(({ hostId }) => hostId);
          return ids.includes('own') ? ids : [];
        });
        expect(new Set(peers.ids)).toEqual(new Set(wanted.filter((id) => id !== 'own')));
        expect(noted).toEqual(new Set(peers.ids));
      }
      networks.clear();
      for (const network of ['n1', 'n2']) peers.changed(network);
      expect(peers.ids.size).toBe(0);
    }),
  );
});
