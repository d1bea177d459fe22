import { describe, expect, test } from '@jest/globals';
import { HostRegistration } from '../../../src/agent/host-registration.js';
import { HostsView } from '../../../src/agent/hosts-view.js';
import { keys } from '../../../src/store/keys.js';
import { MemoryStore } from '../../../src/store/memory-store.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { eventually } from '../../support/eventually.js';
import { silentLogger } from '../../support/mirror-hosts.js';

const host = (number: number) => ({
  ...{ version: 1 as const, id: `id-of-h${number}`, name: `h${number}`, vtep: `198.18.0.${number}` },
  ...{ vxlanPort: 4789, xnetVersion: 'test' },
});

/** A host's record as a newer xnet writes it. */
const newer = (number: number) => JSON.stringify({ ...host(number), version: 2, isNew: true });

describe('the record of a newer xnet', () => {
  test('is not replaced by that of an older one on the same host', async () => {
    await using store = new MemoryStore();
    await store.commit([], [{ put: keys.host(host(1).id), value: newer(1) }]);
    await using registration = new HostRegistration(store, host(1), silentLogger);
    await expect(registration.start()).rejects.toThrow(/hosts\/id-of-h1 cannot be read.*newer xnet/);
    expect((await store.get(keys.host(host(1).id)))?.value).toBe(newer(1));
  });

  test('is not replaced when only subnets are to be told', async () => {
    await using store = new MemoryStore();
    await using registration = new HostRegistration(store, host(1), silentLogger);
    await registration.start();
    await store.commit([], [{ put: keys.host(host(1).id), value: newer(1) }]);
    await expect(registration.publishGateway(['172.18.0.0/16'])).rejects.toThrow(/cannot be read/);
    expect((await store.get(keys.host(host(1).id)))?.value).toBe(newer(1));
  });

  test('stays when another host takes its underlay address', async () => {
    await using store = new MemoryStore();
    const { id, vtep } = host(2);
    const writes = [
      { put: keys.host(id), value: newer(2) },
      { put: keys.vtep(vtep), value: id },
    ];
    await store.commit([], writes);
    await using registration = new HostRegistration(store, { ...host(1), vtep }, silentLogger);
    await expect(registration.start()).rejects.toThrow(/hosts\/id-of-h2 cannot be read/);
    expect((await store.get(keys.host(id)))?.value).toBe(newer(2));
  });
});

describe("the subnets of a host's docker_gwbridge", () => {
  test('are known to every host, and stay so when the host registers again or is away', async () => {
    await using store = new MemoryStore();
    await using view = new HostsView(store, new RecordReader(silentLogger));
    await view.start();
    {
      await using registration = new HostRegistration(store, host(1), silentLogger);
      await registration.start();
      expect(registration.gatewaySubnets).toEqual([]);
      await registration.publishGateway(['172.18.0.0/16']);
      expect(registration.gatewaySubnets).toEqual(['172.18.0.0/16']);
    }
    const known = [{ hostName: 'h1', subnet: '172.18.0.0/16' }];
    await eventually(() => expect(view.gatewaySubnets()).toEqual(known));
    await using again = new HostRegistration(store, host(1), silentLogger);
    await again.start();
    expect(again.gatewaySubnets).toEqual(['172.18.0.0/16']);
    await again.publishGateway(['172.20.0.0/16']);
    await eventually(() => expect(view.gatewaySubnets()).toMatchObject([{ subnet: '172.20.0.0/16' }]));
  });
});
