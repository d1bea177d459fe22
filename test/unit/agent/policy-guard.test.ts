import { expect, test } from '@jest/globals';
import { PolicyGuard } from '../../../src/agent/policies/policy-guard.js';
import type { PolicyDevice } from '../../../src/dataplane/policy/policies.js';
import type { HostEndpoint } from '../../../src/model/endpoint.js';
import type { NetworkRecord } from '../../../src/model/network.js';
import { RepairLog } from '../../../src/observability/repair-log.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { muteLogger, silentLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { eventually } from '../../support/time/eventually.js';

const NETWORK = { id: '0123456789ab', name: 'shop' } as NetworkRecord;
const ENDPOINT = { id: 'e'.repeat(64), networkId: NETWORK.id } as HostEndpoint['record'];

test('a network that no policy is of is looked at once, whatever containers come', async () => {
  await using replica = new Replica(new MemoryStore(), new RecordReader(muteLogger));
  let set = 0;
  const device: Partial<PolicyDevice> = {
    onDoubt: () => undefined,
    set: async () => {
      set += 1;
      return false;
    },
  };
  let listed = 0;
  await using guard = new PolicyGuard({
    replica,
    device: device as PolicyDevice,
    local: {
      listAllEndpoints: () => {
        listed += 1;
        return [ENDPOINT];
      },
      findRecord: () => NETWORK,
      findEndpoint: () => ENDPOINT,
    } as never,
    follower: { endpointsOf: () => [] },
    labels: { labelsOf: () => undefined, onChange: () => () => true },
    hostId: 'h1',
    repairs: new RepairLog(silentLogger),
    logger: silentLogger,
  });
  await guard.start();
  await eventually(() => set === 1);
  const before = listed;
  for (let n = 0; n < 20; n++) {
    guard.hint(NETWORK.id);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  expect({ set, looks: listed - before }).toEqual({ set: 1, looks: 0 });
});
