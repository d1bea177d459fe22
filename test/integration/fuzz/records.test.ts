/**
 * Hosts that follow an etcd in which somebody has written nonsense: they live, name the key, know all other records, and give up
 * nothing that they have.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import fc from 'fast-check';
import { keys } from '../../../src/model/keys.js';
import { get } from '../../support/daemon/admin-client.js';
import { Cluster } from '../../support/daemon/cluster.js';
import { fuzz } from '../../support/fuzz/fuzz.js';
import { hostileText, spoilt } from '../../support/fuzz/hostile.js';
import { eventually } from '../../support/time/eventually.js';

interface Entry {
  readonly key: string;
  readonly value: string;
}

const RECORDED = JSON.parse(readFileSync('test/unit/model/recorded.json', 'utf8')) as Entry[];
const VALUES = RECORDED.flatMap(({ value }) => (value.startsWith('{') ? [JSON.parse(value) as unknown] : []));
const PREFIXES = [
  ...[
    keys.hosts(),
    keys.aliveHosts(),
    keys.allHostProblems(),
    keys.putBacks(),
    keys.vteps(),
    keys.networks(),
  ],
  ...[keys.vnis(), keys.names(), keys.bindings(), keys.bindingGuards(), keys.endpoints(), keys.macs()],
  ...[
    keys.pools(),
    keys.poolReferences(),
    keys.poolReferenceGuards(),
    keys.addresses(),
    keys.addressRequests(),
  ],
  ...[keys.questions(), 'answers/', keys.byHost(), 'nobody-knows/'],
];
const wrongKey = fc
  .tuple(fc.constantFrom(...PREFIXES), fc.array(hostileText, { maxLength: 3 }))
  .map(
    ([prefix, parts]) =>
      `${prefix}${parts.map((each) => each.replaceAll('\u0000', '').toWellFormed().slice(0, 60)).join('/')}`,
  );
const key = fc.oneof(fc.constantFrom(...RECORDED.map((each) => each.key)), wrongKey);
const value = fc.oneof(
  { weight: 6, arbitrary: spoilt(VALUES).map((each) => JSON.stringify(each) ?? '') },
  { weight: 1, arbitrary: hostileText.map((each) => each.replaceAll('\u0000', '').toWellFormed()) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('{"version":99}', `{"a":"${'x'.repeat(100_000)}"}`, '['.repeat(20_000)),
  },
);

const LISTS = [
  'endpoints',
  'hosts',
  'networks',
  'pools',
  'export',
  'networks/shop',
  'networks/shop/addresses',
  'names/shop',
];

describe('two hosts', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start(2);
    for (const host of cluster.hosts) await host.createNetwork('shop', '10.77.0.0/24');
    for (const host of cluster.hosts) await host.attachNext(await host.createSandbox('web'));
  }, 120_000);
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  fuzz(
    'that follow an etcd with nonsense in it live, and forward as before',
    { runs: 2, corpus: 'records', inputs: [fc.array(fc.tuple(key, value), { minLength: 8, maxLength: 16 })] },
    async (entries) => {
      const own = new Set((await cluster.entries('')).keys());
      const pids = cluster.hosts.map(({ daemon }) => daemon.daemonPid);
      const put = entries.filter(([name]) => !own.has(name));
      await Promise.all(put.map(([name, text]) => cluster.put(name, text)));
      for (const host of cluster.hosts) {
        await eventually(async () => {
          const { text } = await get(host.daemon.adminSocket, '/v1/status');
          expect(JSON.parse(text).store.answerMs).toBeDefined();
        });
        for (const list of LISTS)
          expect((await get(host.daemon.adminSocket, `/v1/${list}`)).status).toBe(200);
        expect((await host.forwarding()).tunnels.length).toBeGreaterThan(0);
      }
      await Promise.all(put.map(([name]) => cluster.remove(name)));
      expect(cluster.hosts.map(({ daemon }) => daemon.daemonPid)).toEqual(pids);
      const left = await cluster.entries('');
      for (const name of own)
        if (!/^(alive|address|by-host|host-problems|pool-ref)/.test(name))
          expect([...left.keys()]).toContain(name);
    },
  );
});
