/** The twins of hosts' records, with real daemons and a real etcd: in use, and after an xnet that has none. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { recordKeyOf } from '../../../src/model/by-host.js';
import { keys } from '../../../src/model/keys.js';
import { readKnownJournal } from '../../../src/store/known/disk/read-known-journal.js';
import { Cluster } from '../../support/daemon/cluster.js';
import { expectTwins, withoutTwins } from '../../support/store/twins.js';
import { eventually } from '../../support/time/eventually.js';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start(2);
}, 60_000);
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const content = () => cluster.entries('');

async function expectAllTwins(count: number): Promise<void> {
  const all = await content();
  expectTwins(all);
  expect([...all.keys()].filter((key) => key.startsWith(keys.byHost()))).toHaveLength(count);
}

/** What is in the store becomes what an older xnet has there. */
async function makeOlder(): Promise<void> {
  const all = await content();
  const older = withoutTwins(all);
  for (const key of all.keys()) if (!older.has(key)) await cluster.remove(key);
  for (const [key, value] of older) if (value !== all.get(key)) await cluster.put(key, value);
}

/** The state directory becomes that of an older xnet: it watches all bindings and holds, and writes what it knows whole. */
async function makeStateOlder(directory: string): Promise<void> {
  const journal = join(directory, 'state', 'last-known.jsonl');
  const [first = ''] = (await readFile(journal, 'utf8')).split('\n');
  const { store } = JSON.parse(first) as { store: string };
  const known = (await readKnownJournal(journal, store))?.content;
  if (!known) throw new Error('the journal cannot be read');
  const isNew = (prefix: string) => prefix.startsWith(keys.byHost()) || prefix === keys.policies();
  const prefixes = [...known.prefixes].filter(([prefix]) => !isNew(prefix));
  for (const prefix of [keys.bindings(), keys.poolReferences()]) prefixes.push([prefix, known.revision]);
  const entries = [...known.entries.values()].flatMap((entry) => entry ?? []);
  const endpoints = entries.filter(({ key }) => key.startsWith(keys.endpoints()));
  const older = entries
    .map((entry) => ({ ...entry, key: recordKeyOf(entry.key) ?? entry.key }))
    .map((entry) => ({ ...entry, value: entry.value.replace(/,"twins":true/, '') }))
    .filter(({ key }) => !key.startsWith(keys.endpoints()));
  const { revision } = known;
  const former = { version: 1, store, revision, prefixes, entries: [...older, ...endpoints] };
  await writeFile(join(directory, 'state', 'last-known.json'), JSON.stringify(former));
  await rm(journal);
}

describe('bindings, holds and endpoints', () => {
  test('have their twins whatever their hosts do', async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    await expectAllTwins(0);
    await one.createNetwork('shop', '10.96.1.0/24');
    await expectAllTwins(2);
    await two.createNetwork('shop', '10.96.1.0/24');
    await expectAllTwins(4);
    const first = await one.attach(await one.createSandbox('box1'), '10.96.1.5', '02:42:ac:11:00:98');
    const second = await two.attach(await two.createSandbox('box2'), '10.96.1.6');
    await expectAllTwins(6);
    await one.restart();
    await expectAllTwins(6);
    await one.detach(first);
    await expectAllTwins(5);
    await two.detach(second);
    await two.removeNetwork();
    await expectAllTwins(2);
    await one.removeNetwork();
    await expectAllTwins(0);
  }, 60_000);

  test('get them after an older xnet, and go with their host when it is removed', async () => {
    const [one, two] = [cluster.host(1), cluster.host(2)];
    for (const host of [one, two]) await host.createNetwork('bank', '10.96.2.0/24');
    const box = await one.createSandbox('box3');
    await one.attach(box, '10.96.2.5');
    await two.attach(await two.createSandbox('box4'), '10.96.2.6');
    await two.daemon.stop();
    await one.daemon.stop();
    await makeOlder();
    await one.daemon.restart(cluster.args);
    await eventually(async () => {
      const all = await content();
      const [id = ''] = [...all.keys()].flatMap((key) => /^by-host\/([^/]+)/.exec(key)?.[1] ?? []);
      expect(JSON.parse(all.get(keys.host(id)) ?? '{}')).toMatchObject({ twins: true });
      expect([...all.keys()].filter((key) => key.startsWith(keys.ofHost(id)))).toHaveLength(3);
    });
    // The other host still has the older one: it is found, and removed, by its records.
    const listed = JSON.parse(await one.daemon.xnet('host', 'ls', '--json')) as Record<string, unknown>[];
    const silent = listed.find(({ alive }) => alive === false);
    expect(silent).toMatchObject({ networks: 1, endpoints: 1 });
    await one.daemon.xnet('host', 'rm', `${silent?.id}`);
    const left = [...(await content())].filter(([, value]) => !value.includes('"state":"resting"'));
    expect(left.join(' ')).not.toContain(`${silent?.id}`);
    await expectAllTwins(3);
  }, 90_000);

  test('of a host that begins with a new xnet while etcd is away are known, and its containers start', async () => {
    const one = cluster.host(1);
    // It fills its reserve.
    await eventually(async () => {
      const addresses = [...(await cluster.entries(keys.addresses()))];
      expect(addresses.filter(([, value]) => value.includes('"reserve":true'))).not.toEqual([]);
    });
    await one.daemon.stop();
    await makeOlder();
    await makeStateOlder(one.daemon.directory);
    await cluster.stopStore();
    await one.daemon.restart(cluster.args);
    const box = await one.createSandbox('box5');
    await one.attachNext(box);
    await cluster.startStore();
    await eventually(async () => {
      const hosts = [...(await cluster.entries(keys.hosts())).values()];
      expect(hosts.map((value) => JSON.parse(value).twins)).toEqual([true]);
      await expectAllTwins(4);
    });
    expect(one.daemon.status().text).not.toContain('restored');
  }, 90_000);
});
