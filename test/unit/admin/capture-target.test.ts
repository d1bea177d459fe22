import { describe, expect, test } from '@jest/globals';
import { findCaptureTarget } from '../../../src/admin/capture-target.js';
import type { EndpointRecord } from '../../../src/model/endpoint.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';

const entry = (key: string, value: string) => ({ key, value, revision: 1, createRevision: 1 });

const network = (id: string, name: string, vni: number) => {
  const record = { version: 1 as const, id, name, vni, multicast: true, internal: false, pools: [] };
  return entry(keys.network(id), formatRecord(record));
};

const host = (id: string, name: string) => {
  const record = { version: 1 as const, id, name, vtep: '192.0.2.1', vxlanPort: 4789, xnetVersion: '1' };
  return [entry(keys.host(id), formatRecord(record)), entry(keys.alive(id), 'x')];
};

const endpoint = (id: string, networkId: string, hostId: string, container: string) => {
  const record: EndpointRecord = {
    ...{ version: 1, id, networkId, dockerNetworkId: 'd', hostId, addresses: [], mac: MACS[id] ?? '' },
    names: { container, containerId: `${container}-id`, network: 'n', names: [], ports: [] },
  };
  return entry(keys.endpoint(networkId, id), formatRecord(record));
};

const MACS: Record<string, string> = {
  e1: '02:42:0a:40:00:01',
  e2: '02:42:0a:40:00:02',
  e3: '02:42:0a:40:00:03',
};
const [SHOP, STORE, EMPTY] = ['0123456789aa', '0123456789bb', '0123456789cc'];
const ENTRIES = [
  ...[network(SHOP, 'shop', 1), network(STORE, 'store', 2), network(EMPTY, 'empty', 3)],
  ...[...host('host-1', 'h1'), ...host('host-2', 'h2'), ...host('host-3', 'store')],
  endpoint('e1', SHOP, 'host-1', 'web'),
  endpoint('e2', STORE, 'host-1', 'web'),
  endpoint('e3', SHOP, 'host-2', 'db'),
];

const find = (wanted: string) => {
  const list = async (prefix: string) => ({
    ...{ revision: 1, entries: ENTRIES.filter(({ key }) => key.startsWith(prefix)) },
  });
  return findCaptureTarget({ list }, wanted);
};

const shown = async (wanted: string) => {
  const { networks, hosts } = await find(wanted);
  return [networks.map(({ name, vni, mac }) => [name, vni, mac]), hosts.map(({ name }) => name)];
};

describe('what is captured', () => {
  test('of a network: all of it, where it has containers', async () => {
    expect(await shown('shop')).toEqual([[['shop', 1, undefined]], ['h1', 'h2']]);
    expect(await shown(STORE)).toEqual([[['store', 2, undefined]], ['h1']]);
  });

  test('of a container: its own, on all hosts of its networks', async () => {
    expect(await shown('web')).toEqual([
      [
        ['shop', 1, MACS.e1],
        ['store', 2, MACS.e2],
      ],
      ['h1', 'h2'],
    ]);
    expect(await shown('db-id')).toEqual([[['shop', 1, MACS.e3]], ['h1', 'h2']]);
  });

  test('of a host: all networks that have containers on it, on it alone', async () => {
    expect(await shown('h2')).toEqual([[['shop', 1, undefined]], ['h2']]);
  });

  test('is refused where nothing is meant, several things, or nothing can be seen', async () => {
    await expect(find('nothing')).rejects.toThrow(
      /no network, container or host with the name or id "nothing"/,
    );
    await expect(find('store')).rejects.toThrow(
      `several things are called "store"; give the id of one: network ${STORE}, host host-3`,
    );
    await expect(find('empty')).rejects.toThrow(/"empty" has no container in a network/);
  });
});
