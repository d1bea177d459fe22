import { expect, test } from '@jest/globals';
import { planRemote } from '../../../src/agent/forwarding/forwarding-plan.js';
import type { EndpointRecord } from '../../../src/model/endpoint.js';

const endpointOn = (hostId: string): EndpointRecord => ({
  version: 1,
  id: `e-${hostId}`,
  networkId: 'n1',
  dockerNetworkId: 'd1',
  hostId,
  addresses: ['10.0.0.2'],
  mac: '02:00:00:00:00:01',
});

test('hosts that are gone, or of the other address family, get no forwarding: the kernel could not send there', () => {
  const vteps: Record<string, string> = { me: '192.0.2.1', near: '192.0.2.2', six: 'fd00::3' };
  const endpoints = ['me', 'near', 'six', 'gone'].map(endpointOn);
  const remotes = endpoints.map((record) =>
    planRemote('me', { record, createRevision: 1 }, (hostId) => ({ vtep: vteps[hostId] })),
  );
  expect(remotes.map((remote) => remote?.vtep)).toEqual([undefined, '192.0.2.2', undefined, undefined]);
});

test('packets are taken from the MAC of a host on the segment, whichever way packets to it go', () => {
  const remoteBy = (isDirect: boolean) =>
    planRemote('me', { record: endpointOn('near'), createRevision: 1 }, () => ({
      vtep: '192.0.2.2',
      link: { mac: '02:00:00:00:00:09', isDirect },
    }));
  expect(remoteBy(true)).toMatchObject({
    direct: { mac: '02:00:00:00:00:09' },
    segmentMac: '02:00:00:00:00:09',
  });
  expect(remoteBy(false)).toMatchObject({ segmentMac: '02:00:00:00:00:09' });
  expect(remoteBy(false)?.direct).toBeUndefined();
});
