/**
 * What a policy costs at a start: what one endpoint that comes, whose labels become known, and that goes costs a host that has a container in
 * its network, in networks with many others; and what Join waits for. With a real kernel. README.md says how to run it.
 */
import { execFileSync } from 'node:child_process';
import { LabelMeanings } from '../../src/agent/policies/label-meanings.js';
import { FollowedRules } from '../../src/agent/policies/network-rules.js';
import { namespaceName } from '../../src/dataplane/interface-names.js';
import { LinuxPolicies } from '../../src/dataplane/policy/linux-policies.js';
import type { EndpointRecord } from '../../src/model/endpoint.js';
import type { PolicyDocument } from '../../src/model/policy/policy.js';
import { median } from '../statistics.js';

const NETWORK = { id: 'be1c40000001', name: 'bench' };
const APPS = ['web', 'db', 'cache', 'queue', 'jobs', 'more'];
const CHANGES = 40;

/** Each kind of container is reached by two others. */
const POLICIES: PolicyDocument[] = APPS.slice(0, 5).map((app, i) => ({
  policy: `to-${app}`,
  to: { app },
  allow: [1, 2].map((next) => ({ from: { app: APPS[(i + next) % 6] ?? '' }, ports: [`${5_000 + i}/tcp`] })),
}));

function endpoint(n: number): EndpointRecord {
  const mac = [2, 0, 0, n >> 16, (n >> 8) & 255, n & 255].map((byte) => byte.toString(16).padStart(2, '0'));
  return {
    ...{
      version: 1,
      id: `${n}`.padStart(8, '0').padEnd(64, '0'),
      networkId: NETWORK.id,
      dockerNetworkId: 'd',
    },
    ...{ hostId: `h${n % 50}`, addresses: [`10.0.${n >> 8}.${n & 255}`], mac: mac.join(':') },
    labels: { app: APPS[n % 6] ?? '', tier: `${n % 3}` },
  } as EndpointRecord;
}

/** In processor time, each. */
interface Costs {
  readonly comes: number[];
  readonly labelled: number[];
  readonly joins: number[];
  readonly goes: number[];
}

async function measure(count: number): Promise<string> {
  await using device = new LinuxPolicies();
  const endpoints = Array.from({ length: count }, (_, n) => endpoint(n));
  const ruled = { network: NETWORK, hostId: 'h1', labelsOf: () => undefined };
  const anew = await processorMs(async () => {
    const rules = FollowedRules.of(ruled, new LabelMeanings(POLICIES), endpoints);
    await device.set(NETWORK.id, rules);
  });
  const rules = FollowedRules.of(ruled, new LabelMeanings(POLICIES), endpoints);
  await device.set(NETWORK.id, rules);
  const costs: Costs = { comes: [], labelled: [], joins: [], goes: [] };
  const change = (id: string, now: EndpointRecord | undefined) =>
    processorMs(async () => void (await device.set(NETWORK.id, rules, rules?.change([[id, now]]))));
  for (let n = 0; n < CHANGES; n++) {
    const full = endpoint(count + n);
    const { labels: _, ...bare } = full;
    costs.comes.push(await change(full.id, bare));
    // As the rules of its port do, at each start: another table of the namespace has changed.
    execFileSync('ip', ['netns', 'exec', namespace, 'nft', 'add', 'table', 'netdev', `other${n}`]);
    costs.joins.push(await processorMs(async () => void device.isInForce(NETWORK.id)));
    costs.labelled.push(await change(full.id, full));
    costs.goes.push(await change(full.id, undefined));
  }
  const ms = (times: readonly number[]) => `${median(times).toFixed(2)} ms`;
  return (
    `${count} endpoints: one comes ${ms(costs.comes)}, Join looks ${ms(costs.joins)}, its labels are known ${ms(costs.labelled)}, ` +
    `it goes ${ms(costs.goes)}; all rules anew ${ms([anew])}`
  );
}

/** Of this process. */
async function processorMs(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

const namespace = namespaceName(NETWORK.id);
execFileSync('ip', ['netns', 'add', namespace]);
try {
  await measure(100);
  for (const count of [10, 1_000, Number(process.argv[2] ?? 5_000)]) console.log(await measure(count));
} finally {
  execFileSync('ip', ['netns', 'del', namespace]);
}
