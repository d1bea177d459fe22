/**
 * What one changed endpoint costs a host that follows its network: processor time of this process, with the real follower,
 * replica and network, a store in memory, and in place of iproute2 a counter of its lines. README.md says how to run it.
 */
import { NetworkFollower } from '../../src/agent/forwarding/network-follower.js';
import { type OverlayHost, OverlayNetwork } from '../../src/dataplane/overlay/overlay-network.js';
import { VXLAN_LAYOUT } from '../../src/dataplane/overlay/vxlan-layout.js';
import { keys } from '../../src/model/keys.js';
import { formatRecord } from '../../src/model/record.js';
import { Replica } from '../../src/replica/replica.js';
import { RecordReader } from '../../src/store/record-reader.js';
import { muteLogger as logger } from '../../test/support/loggers.js';
import { MemoryStore } from '../../test/support/store/memory-store.js';

const NETWORK = { id: '0123456789ab', vni: 77, mtu: 1450, multicast: true };
const HOSTS = 50;
const CHANGES = 200;

let lines = 0;
const iproute2 = {
  batch: async (_program: string, _namespace: string, batch: readonly string[]) => {
    lines += batch.length;
    return [];
  },
};
const nothing = { remotes: new Map(), flood: new Map(), neighbours: new Map(), ports: new Map() };
const host = {
  iproute2,
  tunnel: async () => ({ vtep: '192.0.2.1', port: 4789 }),
} as unknown as OverlayHost;
const layout = {
  ...VXLAN_LAYOUT,
  forwarding: { ...VXLAN_LAYOUT.forwarding, observe: async () => nothing },
};

async function measure(endpoints: number): Promise<number> {
  await using store = new MemoryStore();
  await using replica = new Replica(store, new RecordReader(logger));
  const hosts = { vtepOf: (id: string) => `192.0.2.${id.slice(1)}`, onChange: () => () => undefined };
  const network = new OverlayNetwork(NETWORK.id, host, layout);
  let looks = 0;
  const dataplane = {
    ensureNetwork: async () => undefined,
    setForwarding: async (_: string, ...given: Parameters<OverlayNetwork['setForwarding']>) => {
      const change = await network.setForwarding(...given);
      looks += 1;
      return change;
    },
  };
  const changed = () => undefined;
  const put = (n: number, hostNumber: number) => {
    const mac = [2, 0, 0, n >> 16, (n >> 8) & 255, n & 255].map((byte) => byte.toString(16).padStart(2, '0'));
    const record = {
      version: 1,
      id: `e${n}`,
      networkId: NETWORK.id,
      dockerNetworkId: 'd',
      hostId: `h${hostNumber}`,
    };
    const addresses = [`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`];
    const value = formatRecord({ ...record, addresses, mac: mac.join(':') });
    return store.commit([], [{ put: keys.endpoint(NETWORK.id, `e${n}`), value }]);
  };
  for (let n = 0; n < endpoints; n++) await put(n, 2 + (n % HOSTS));
  const follower = new NetworkFollower({ replica, dataplane, hosts, hostId: 'h1', logger, changed } as never);
  await follower.follow(NETWORK);
  const began = process.cpuUsage();
  for (let round = 0; round < CHANGES; round++) {
    const before = looks;
    await put(endpoints + round, 2 + (round % HOSTS));
    while (looks === before) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const { user, system } = process.cpuUsage(began);
  await follower[Symbol.asyncDispose]();
  return (user + system) / 1000 / CHANGES;
}

await measure(100);
const costs = new Map<number, number>();
for (const endpoints of [10, 1_000, 5_000]) costs.set(endpoints, await measure(endpoints));
for (const [endpoints, ms] of costs)
  console.log(
    `${endpoints} endpoints: ${ms.toFixed(3)} ms of processor time per changed endpoint, ` +
      `${(ms / (costs.get(10) ?? ms)).toFixed(1)} times that of a network of 10`,
  );
console.log(`${lines} lines for iproute2`);
