import { beforeEach, describe, expect, test } from '@jest/globals';
import { addressesAnswer, endpointsAnswer, networksAnswer } from '../../../src/admin/answers.js';
import {
  answerAddresses,
  answerEndpoints,
  answerNames,
  answerNetwork,
  answerNetworks,
  answerPools,
} from '../../../src/admin/cluster-answers.js';
import { XnetError } from '../../../src/errors.js';
import { bound, claimed, shared } from '../../../src/model/address.js';
import type { EndpointRecord } from '../../../src/model/endpoint.js';
import { keys } from '../../../src/model/keys.js';
import type { NetworkRecord } from '../../../src/model/network.js';
import { formatRecord } from '../../../src/model/record.js';
import type { Entry, ListOptions, Snapshot } from '../../../src/store/store.js';

const HOST = { hostId: 'host1', hostName: 'h1' };
const POOL = 'xnet-local~10.9.0.0/24';

let entries: Entry[];
let recalled: boolean;

/** Prefixes of lists that are kept for times when the store is away. */
let kept: Set<string>;

const store = {
  list: async (prefix: string, { once = false }: ListOptions = {}): Promise<Snapshot> => {
    if (!once) kept.add(prefix);
    // A host watches its own alone.
    if (recalled && prefix.startsWith(keys.bindings()))
      throw new XnetError('STORE_UNAVAILABLE', 'it is switched off');
    return {
      revision: 1,
      entries: entries.filter(({ key }) => key.startsWith(prefix)),
      ...(recalled && { recalled: true as const }),
    };
  },
};

function put(key: string, value: string): void {
  entries.push({ key, value, revision: 1, createRevision: 1 });
}

function putNetwork(id: string, name?: string): void {
  const pools = [{ poolKey: POOL, subnet: '10.9.0.0/24' }];
  const fixed = { version: 1 as const, vni: 1_048_577, multicast: true, internal: false, pools };
  const record: NetworkRecord = { ...fixed, id, ...(name !== undefined && { name }) };
  put(keys.network(id), formatRecord(record));
}

function putEndpoint(
  id: string,
  networkId: string,
  container: string,
  address: string,
  hostId = 'host1',
): void {
  const names = {
    container,
    containerId: `c0ffee${id}`,
    network: 'shop',
    names: [container, 'web'],
    ports: [],
  };
  const fixed = {
    version: 1 as const,
    dockerNetworkId: 'd1',
    mac: '02:42:0a:09:00:02',
    addresses: [address],
  };
  const record: EndpointRecord = { ...fixed, id, networkId, hostId, names };
  put(keys.endpoint(networkId, id), formatRecord(record));
}

beforeEach(() => {
  entries = [];
  recalled = false;
  kept = new Set();
  const host = { version: 1 as const, vtep: '192.0.2.1', vxlanPort: 4789, xnetVersion: '1' };
  put(keys.host('host1'), formatRecord({ ...host, id: 'host1', name: 'h1' }));
  put(keys.host('host2'), formatRecord({ ...host, id: 'host2', name: 'h2' }));
  put(keys.alive('host1'), 'lease');
  putNetwork('aaaa1111bbbb', 'shop');
  putNetwork('aaaa2222bbbb');
  const seen = { name: 'lonely', database: 'db' };
  const binding = {
    version: 1 as const,
    networkId: 'aaaa2222bbbb',
    hostId: 'host1',
    dockerNetworkId: 'd2',
    seen,
  };
  put(keys.binding('aaaa2222bbbb', 'host1', 'd2'), formatRecord(binding));
  putEndpoint('e1', 'aaaa1111bbbb', 'db', '10.9.0.2');
  putEndpoint('e2', 'aaaa1111bbbb', 'web1', '10.9.0.10', 'host2');
});

describe('answers on the cluster', () => {
  test('networks are called as in the cluster, or else as in a Docker', async () => {
    const answer = networksAnswer.parse(await answerNetworks(store));
    expect(answer.asOf).toBe('store');
    expect(answer.items.map(({ name, endpoints, hosts }) => [name, endpoints, hosts])).toEqual([
      ['lonely', 0, 0],
      ['shop', 2, 2],
    ]);
  });

  test.each(['shop', 'aaaa1111bbbb', 'aaaa1'])('a network is found as %s', async (network) => {
    const { id, members } = await answerNetwork(store, { network });
    expect([id, members.length]).toEqual(['aaaa1111bbbb', 2]);
  });

  test.each([
    ['aaaa', 'INVALID', /2 networks are called "aaaa"; give the id of one: aaaa1111bbbb, aaaa2222bbbb/],
    ['aaa', 'NOT_FOUND', /no network with the name or id "aaa"; `xnet networks` lists them/],
  ])('a network called %s is refused with %s', async (network, code, message) => {
    await expect(answerNetwork(store, { network })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test('endpoints have their host’s state, and may be those of one host', async () => {
    const { items } = endpointsAnswer.parse(await answerEndpoints(store, {}));
    expect(items.map(({ container, host }) => [container?.name, host.name, host.state])).toEqual([
      ['db', 'h1', 'alive'],
      ['web1', 'h2', 'silent'],
    ]);
    const ofHost = await answerEndpoints(store, { host: 'h2', network: 'shop' });
    expect(ofHost.items.map(({ id }) => id)).toEqual(['e2']);
    expect(await answerEndpoints(store, { host: 'host2', network: 'shop' })).toEqual(ofHost);
    expect((await answerEndpoints(store, { host: 'host' })).items).toEqual(items);
    await expect(answerEndpoints(store, { host: 'h9' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('while the store is away nobody is called alive or silent', async () => {
    recalled = true;
    const { asOf, items } = await answerEndpoints(store, {});
    expect([asOf, ...items.map(({ host }) => host.state)]).toEqual(['last known', 'unknown', 'unknown']);
  });

  test('what grows with the cluster is not kept on a host that is asked for it', async () => {
    await answerNetworks(store);
    await answerNetwork(store, { network: 'shop' });
    await answerEndpoints(store, {});
    await answerAddresses(store, { network: 'shop' });
    await answerNames(store, { of: 'shop' });
    await answerPools(store);
    const grows = [keys.bindings(), keys.endpoints(), keys.addresses(), keys.poolReferences()];
    expect([...kept].filter((prefix) => grows.some((kind) => prefix.startsWith(kind)))).toEqual([]);
  });

  test('addresses come in their order, with who has them', async () => {
    const record = claimed(HOST, 'c', 'hold');
    const toEndpoint = bound(record, HOST, { endpointId: 'e1', networkId: 'aaaa1111bbbb' });
    if (!toEndpoint) throw new Error('bound');
    put(keys.address(POOL, '10.9.0.10'), formatRecord(record));
    put(keys.address(POOL, '10.9.0.2'), formatRecord(toEndpoint));
    const gateway = shared(undefined, HOST, 'c', { purpose: 'gateway', holdId: 'hold' });
    if (!gateway) throw new Error('shared');
    put(keys.address(POOL, '10.9.0.1'), formatRecord(gateway));
    const { items } = addressesAnswer.parse(await answerAddresses(store, { network: 'shop' }));
    expect(items.map(({ address, state, host, container }) => [address, state, host, container])).toEqual([
      ['10.9.0.1', 'gateway', undefined, undefined],
      ['10.9.0.2', 'bound', 'h1', 'db'],
      ['10.9.0.10', 'claimed', 'h1', undefined],
    ]);
  });

  test('names are those of a network or of a container', async () => {
    const ofNetwork = await answerNames(store, { of: 'shop' });
    expect(ofNetwork.items.map(({ name, container }) => `${name} ${container}`)).toEqual([
      'db db',
      'web db',
      'web web1',
      'web1 web1',
    ]);
    const ofContainer = await answerNames(store, { of: 'web1' });
    expect(ofContainer.items.map(({ name }) => name)).toEqual(['web', 'web1']);
    await expect(answerNames(store, { of: 'nobody' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a name of a network and of a container is refused, with the ids', async () => {
    putEndpoint('e3', 'aaaa2222bbbb', 'shop', '10.9.0.3');
    await expect(answerNames(store, { of: 'shop' })).rejects.toMatchObject({
      code: 'INVALID',
      message: expect.stringContaining('give the id of one: aaaa1111bbbb, c0ffeee3'),
    });
  });
});
