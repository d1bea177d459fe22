/**
 * A network of many endpoints as one of its hosts has it: how long its first container waits for it, what a change of one
 * endpoint costs then, and how long look-ups wait meanwhile. With a real etcd and a real kernel, in namespaces of its own;
 * needs root. README.md says how to run it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { NetworkFollower } from '../../src/agent/forwarding/network-follower.js';
import { Zones } from '../../src/dns/answers/zones.js';
import { Replica } from '../../src/replica/replica.js';
import { EtcdStore } from '../../src/store/etcd/etcd-store.js';
import { RecordReader } from '../../src/store/record-reader.js';
import { TestUnderlay } from '../../test/support/kernel/netns-hosts.js';
import { muteLogger as logger } from '../../test/support/loggers.js';
import { startEtcd } from '../../test/support/store/etcd.js';
import { commitAll, endpointOf, endpointPut } from '../../test/support/store/many-endpoints.js';

const HOSTS = 100;
const CHANGES = 100;
/** Between changes, so that each is one of its own. */
const PAUSE_MS = 40;
const LOOKUP_EVERY_MS = 2;

const count = Number(process.argv[2] ?? 10_000);
const cpuMs = (since: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
};
const quantile = (times: readonly number[], q: number) =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * q)] ?? Number.NaN;

await using etcd = await startEtcd();
await using underlay = await TestUnderlay.create(1);
const [host] = underlay.hosts;
if (!host) throw new Error('no host');
const network = underlay.network(host, 'large');
const put = (n: number) => endpointPut(endpointOf(network.id, n, `h${2 + (n % HOSTS)}`));
const openStore = () => new EtcdStore({ endpoints: [etcd.url.replace('etcd:', 'http:')], prefix: '/xnet/' });
await using other = openStore();
await commitAll(
  other,
  Array.from({ length: count }, (_, i) => put(i + 1)),
);

await using store = openStore();
await using replica = new Replica(store, new RecordReader(logger));
const hosts = {
  encryptedVtepOf: () => undefined,
  vtepOf: (id: string) => (id === 'h1' ? host.vtep : `10.98.0.${id.slice(1)}`),
  onChange: () => () => undefined,
};
/** When the kernel last took what it was given, and how often it did. */
const kernel = { atMs: 0, times: 0 };
const dataplane = {
  ensureNetwork: (spec: typeof network) => host.dataplane.ensureNetwork(spec),
  setForwarding: async (...of: Parameters<typeof host.dataplane.setForwarding>) => {
    const change = await host.dataplane.setForwarding(...of);
    if (change.added > 0) Object.assign(kernel, { atMs: performance.now(), times: kernel.times + 1 });
    return change;
  },
};
await using _watch = host.dataplane.watchKernel(() => undefined);
const zones: Zones = new Zones({
  endpointsOf: (id) => follower.endpointsOf(id),
  ...{ nameOf: () => 'shop', virtualSubnetsOf: () => [], isAlive: () => true, isCurrent: () => true },
});
const changed = (...of: Parameters<Zones['changed']>) => zones.changed(...of);
const follower: NetworkFollower = new NetworkFollower({
  replica,
  dataplane,
  hosts,
  hostId: 'h1',
  logger,
  changed,
});

const stalls = monitorEventLoopDelay({ resolution: 1 });
stalls.enable();
const before = { ms: performance.now(), cpu: process.cpuUsage() };
await follower.follow(network);
const followedMs = performance.now() - before.ms;
const begun = performance.now();
zones.find(network.id);
const zoneMs = performance.now() - begun;
await delay(1_000);
console.log(
  `${count} endpoints: followed after ${followedMs.toFixed(0)} ms, with ${cpuMs(before.cpu).toFixed(0)} ms of ` +
    `processor time; longest stall ${(stalls.max / 1e6).toFixed(0)} ms; first look-up ${zoneMs.toFixed(0)} ms`,
);

const waits: number[] = [];
let isOver = false;
const lookups = (async () => {
  while (!isOver) {
    const dueMs = performance.now() + LOOKUP_EVERY_MS;
    await delay(LOOKUP_EVERY_MS);
    zones.find(network.id)?.find('shop-web-5');
    waits.push(performance.now() - dueMs);
  }
})();
const idle = { ms: performance.now(), cpu: process.cpuUsage() };
await delay(2_000);
const idleShare = cpuMs(idle.cpu) / (performance.now() - idle.ms);

const took: number[] = [];
const busy = { ms: performance.now(), cpu: process.cpuUsage() };
for (let i = 1; i <= CHANGES; i++) {
  const { times } = kernel;
  const sinceMs = performance.now();
  await other.commit([], [put(count + i)]);
  while (kernel.times === times) await delay(1);
  took.push(kernel.atMs - sinceMs);
  await delay(PAUSE_MS);
}
const costMs = (cpuMs(busy.cpu) - idleShare * (performance.now() - busy.ms)) / CHANGES;
isOver = true;
await lookups;
console.log(
  `a change: ${costMs.toFixed(1)} ms of processor time, in the kernel after ${quantile(took, 0.5).toFixed(1)} ms ` +
    `(p99 ${quantile(took, 0.99).toFixed(1)}); look-ups wait ${quantile(waits, 0.5).toFixed(1)} ms (p99 ${quantile(waits, 0.99).toFixed(1)})`,
);

const look = { ms: performance.now(), cpu: process.cpuUsage() };
await host.dataplane.repairNetwork(network.id, () => []);
console.log(
  `a look for drift: ${(performance.now() - look.ms).toFixed(0)} ms, with ${cpuMs(look.cpu).toFixed(0)} ms of processor time`,
);
await follower[Symbol.asyncDispose]();
