import { describe, expect, test } from '@jest/globals';
import {
  findSharedAddresses,
  findUnclaimedAddresses,
  findWrongContainers,
  findWrongNetworks,
} from '../../chaos/invariants.js';
import { emptyModel, type Model } from '../../chaos/model.js';
import type { SeenContainer, SeenHost } from '../../chaos/observe.js';

const HOSTS = ['h1', 'h2'];

function seen(host: string, name: string, address: string, running = true): SeenContainer {
  return { name, host, running, pid: 1, endpoints: [{ id: `e-${name}`, network: 'n1', address }] };
}

function hosts(one: readonly SeenContainer[], other: readonly SeenContainer[] = []): SeenHost[] {
  return [
    { host: 'h1', containers: one, networks: ['n1'], filtered: true },
    { host: 'h2', containers: other, networks: ['n1'], filtered: true },
  ];
}

function modelWith(names: readonly string[]): Model {
  const model = emptyModel(HOSTS, []);
  model.networks.push({ name: 'n1', hosts: [...HOSTS], usedOn: [], doubtful: false });
  for (const name of names) {
    const state = { comesBack: false, running: true, doubtful: false, settled: true };
    model.containers.push({ name, host: 'h1', networks: ['n1'], ...state });
  }
  return model;
}

describe('the invariants', () => {
  test('an address that two running containers have is found, on one host or on two', () => {
    const shared = /a and b on h\d both have 10\.0\.0\.2 in n1/;
    const [a, b] = [seen('h1', 'a', '10.0.0.2'), seen('h2', 'b', '10.0.0.2')];
    expect(findSharedAddresses(hosts([a], [b]))).toEqual([expect.stringMatching(shared)]);
    expect(findSharedAddresses(hosts([a, { ...b, host: 'h1' }]))).toEqual([expect.stringMatching(shared)]);
    expect(findSharedAddresses(hosts([a], [{ ...b, running: false }]))).toEqual([]);
    expect(findSharedAddresses(hosts([a], [seen('h2', 'b', '10.0.0.3')]))).toEqual([]);
  });

  test('an address that the store has for nobody, or for another endpoint, is found', () => {
    const state = hosts([seen('h1', 'a', '10.0.0.2')]);
    const claim = { key: 'k', address: '10.0.0.2', purpose: 'endpoint', endpointId: 'e-a' };
    expect(findUnclaimedAddresses(state, [claim])).toEqual([]);
    expect(findUnclaimedAddresses(state, [{ ...claim, endpointId: 'e-b' }])).toHaveLength(1);
    expect(findUnclaimedAddresses(state, [])).toHaveLength(1);
  });

  test('containers that are missing, or run against the model, are found', () => {
    const [a, b] = [seen('h1', 'a', '10.0.0.2'), seen('h1', 'b', '10.0.0.3')];
    expect(findWrongContainers(modelWith(['a']), hosts([a]))).toEqual([]);
    expect(findWrongContainers(modelWith(['a']), hosts([b]))).toEqual([
      'runs: missing a on h1 in n1',
      'runs: unexpected b on h1 in n1',
    ]);
  });

  test('networks that are missing on a host, and a filter that is, are found', () => {
    const [one, other] = hosts([seen('h1', 'a', '10.0.0.2')]) as [SeenHost, SeenHost];
    expect(findWrongNetworks(modelWith([]), [one, other])).toEqual([]);
    expect(
      findWrongNetworks(modelWith([]), [
        { ...one, filtered: false },
        { ...other, networks: [] },
      ]),
    ).toEqual(['h1 has no nft table inet xnet', 'network on h2: missing n1']);
  });
});
