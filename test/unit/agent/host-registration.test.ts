import { describe, expect, test } from '@jest/globals';
import { HostRegistration } from '../../../src/agent/host-registration.js';
import { HostsView } from '../../../src/agent/hosts-view.js';
import { MemoryStore } from '../../../src/store/memory-store.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { eventually } from '../../support/eventually.js';
import { silentLogger } from '../../support/mirror-hosts.js';

const host = (number: number) => ({
  ...{ version: 1 as const, id: `id-of-h${number}`, name: `h${number}`, vtep: `198.18.0.${number}` },
  ...{ vxlanPort: 4789, xnetVersion: 'test' },
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
