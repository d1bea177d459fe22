/** Hosts with users of etcd that have no more rights than `xnet etcd-roles` prints. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { keys } from '../../../src/model/keys.js';
import { Cluster, type ClusterHost } from '../../support/daemon/cluster.js';
import { eventually } from '../../support/time/eventually.js';

const userOf = (host: ClusterHost) => `host-${host.vtep.split('.').at(-1)}`;
const DENIED = /permission denied/;

async function idOf({ daemon }: ClusterHost): Promise<string> {
  return (await daemon.run('cat', join(daemon.directory, 'state/host-id'))).trim();
}

/** The arguments of each command of etcdctl that is printed; the user gets a password, since these hosts have no certificates. */
async function commandsFor(host: ClusterHost): Promise<string[][]> {
  const printed = await host.daemon.run(
    process.execPath,
    'bin/xnet',
    'etcd-roles',
    '--host',
    await idOf(host),
    '--user',
    userOf(host),
  );
  return printed
    .trim()
    .split('\n')
    .map((line) => line.split(' ').slice(1))
    .map((words) => (words.at(-1) === '--no-password' ? ['user', 'add', `${userOf(host)}:secret`] : words));
}

async function withUser(host: ClusterHost, user: string): Promise<void> {
  const file = join(host.daemon.directory, 'password');
  await writeFile(file, 'secret\n', { mode: 0o600 });
  await host.restart(['--etcd-user', user, '--etcd-password-file', file]);
}

describe('two hosts, each with a user of its own', () => {
  let cluster: Cluster;
  let [one, two] = [] as unknown as [ClusterHost, ClusterHost];
  beforeAll(async () => {
    cluster = await Cluster.start(2);
    [one, two] = [cluster.host(1), cluster.host(2)];
    const commands = (await Promise.all(cluster.hosts.map(commandsFor))).flat();
    for (const { daemon } of cluster.hosts) await daemon.stop();
    await cluster.enableUsers([
      ...commands,
      ['role', 'add', 'others'],
      ['role', 'grant-permission', 'others', '--prefix=true', 'readwrite', '/other/'],
      ['user', 'add', 'other:secret'],
      ['user', 'grant-role', 'other', 'others'],
    ]);
    for (const host of cluster.hosts) await withUser(host, userOf(host));
  }, 120_000);
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  test('do all that xnet does: networks, containers, names of addresses, leases, questions, problems', async () => {
    for (const host of [one, two]) await host.createNetwork('shop', '10.77.0.0/24');
    const first = await one.attach(await one.createSandbox('first'), '10.77.0.11');
    const second = await two.attach(await two.createSandbox('second'), '10.77.0.12', '02:00:00:00:00:22');
    await eventually(async () => {
      expect((await one.forwarding()).tunnels).toHaveLength(1);
      expect((await two.forwarding()).tunnels).toHaveLength(1);
    });
    const { hosts } = JSON.parse(
      await one.daemon.xnet('doctor', '--all', '--output', 'json').catch((error) => error.stdout ?? '{}'),
    );
    for (const { refusal } of hosts ?? []) expect(refusal).toBeUndefined();
    await one.detach(first);
    await two.detach(second);
    for (const host of [one, two]) await host.removeNetwork();
    await eventually(async () => expect((await cluster.records('networks/')).length).toBe(0));
    for (const { daemon } of cluster.hosts) {
      expect(daemon.status().text).not.toContain('denies');
      expect((await daemon.log()).filter(({ error }) => /denie/.test(`${error}`))).toEqual([]);
    }
  }, 120_000);

  test("write nothing of each other's: neither the record, nor the sign of life, nor the twins", async () => {
    const other = await idOf(two);
    const before = await cluster.entries('');
    const user = `${userOf(one)}:secret`;
    for (const key of [
      keys.host(other),
      keys.alive(other),
      keys.hostProblems(other),
      keys.putBack(other),
      `${keys.bindingsOfHost(other)}n/d`,
    ]) {
      await expect(cluster.ctlAs(user, 'put', `/xnet/${key}`, '{}')).rejects.toThrow(DENIED);
      await expect(cluster.ctlAs(user, 'del', `/xnet/${key}`)).rejects.toThrow(DENIED);
    }
    await expect(cluster.ctlAs(user, 'del', '--prefix', '/xnet/')).rejects.toThrow(DENIED);
    expect([...(await cluster.entries('')).keys()].sort()).toEqual([...before.keys()].sort());
  });

  test('the user of another prefix reads and writes nothing of theirs, and what it is denied names the user and the remedy', async () => {
    for (const command of [
      ['get', '--prefix', '/xnet/'],
      ['put', '/xnet/hosts/x', '{}'],
      ['del', '--prefix', ''],
      ['watch', '--prefix', '/xnet/'],
    ])
      await expect(cluster.ctlAs('other:secret', '--command-timeout=2s', ...command)).rejects.toThrow(
        /permission denied|watch is canceled/,
      );
    await withUser(one, 'other');
    await eventually(async () => {
      expect(one.daemon.status().text).toMatch(/PROBLEM .*denies user other.*xnet etcd-roles/);
    });
    await withUser(one, userOf(one));
    await eventually(async () => expect(one.daemon.status().text).toMatch(/answers in/));
  }, 60_000);
});
