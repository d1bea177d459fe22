/** Records that a newer xnet has written, and an older one that takes its place: it leaves them as they are. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { twinKeyOf } from '../../../src/model/by-host.js';
import { Cluster, ClusterHost } from '../../support/daemon/cluster.js';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start(1);
}, 60_000);
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const KINDS = ['endpoints', 'addresses', 'networks', 'bindings', 'pools', 'pool-references', 'hosts'];

describe('a newer record under', () => {
  test.each(KINDS.map((kind, index) => ({ kind, index })))(
    '$kind/ is left alone, and told of',
    async ({ kind, index }) => {
      const { daemon, vtep } = cluster.host(1);
      const host = new ClusterHost(daemon, vtep);
      const before = await cluster.entries(`${kind}/`);
      await host.createNetwork(`net${index}`, `10.99.${index}.0/24`);
      const sandbox = await host.createSandbox(`box${index}`);
      const attached = await host.attach(sandbox, `10.99.${index}.9`);
      const newer = new Map<string, string>();
      const values = await cluster.entries(`${kind}/`);
      for (const [key, value] of values) {
        if (before.has(key) && kind !== 'hosts') continue;
        newer.set(key, JSON.stringify({ ...JSON.parse(value), version: 9, isNew: true }));
      }
      expect(newer.size).toBeGreaterThan(0);
      const twins = new Map(
        [...newer.keys()].map((key) => [key, twinKeyOf({ key, value: values.get(key) ?? '' })]),
      );
      for (const [key, value] of newer)
        for (const each of [key, twins.get(key) ?? key]) await cluster.put(each, value);

      const told: string[] = [];
      const attempt = (work: Promise<unknown>) => work.catch((error: Error) => told.push(error.message));
      await host.restart();
      await attempt(host.detach(attached));
      await attempt(host.attach(sandbox, `10.99.${index}.8`));
      told.push(daemon.status().text);
      await attempt(host.removeNetwork());
      await host.restart();
      await attempt(host.removeNetwork());

      expect(await cluster.entries(`${kind}/`)).toEqual(new Map([...before, ...newer]));
      // A host looks for its own under its own id.
      for (const key of newer.keys()) expect(told.join('\n')).toContain(twins.get(key) ?? key);
    },
    120_000,
  );
});
