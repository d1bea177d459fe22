import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { NetworkPeers } from '../../../src/agent/paths/network-peers.js';
import type { EndpointRecord } from '../../../src/model/endpoint.js';

const endpoint = (hostId: string) => ({ hostId }) as EndpointRecord;

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
        const wanted = [...networks.values()].flatMap((each) =>
          [...each.values()].map(({ hostId }) => hostId),
        );
        expect(new Set(peers.ids)).toEqual(new Set(wanted.filter((id) => id !== 'own')));
        expect(noted).toEqual(new Set(peers.ids));
      }
      networks.clear();
      for (const network of ['n1', 'n2']) peers.changed(network);
      expect(peers.ids.size).toBe(0);
    }),
  );
});
