/** etcd put back to an older backup, under hosts that go on: afterwards all is as if it had not been, key by key. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { type Container, createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import {
  createEverywhere,
  createNetwork,
  expectEverywhere,
  expectNoProblem,
} from '../support/containers/networks.js';
import { Lookups } from '../support/dns/lookups.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab, type LabTest } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

const SAID = 'the store was restored from an older backup';

/** Keys under leases come and go. */
const LASTING = /^\/xnet\/(?!alive\/|address-wishes\/|put-back\/)/;

async function lastingKeys(lab: Lab): Promise<string[]> {
  return (await lab.etcdKeys()).filter((key) => LASTING.test(key)).sort();
}

/** Resolves when nothing changes any more: hosts take addresses in advance, and write names when Docker has told them. */
async function settledKeys(lab: Lab): Promise<string[]> {
  for (let before = await lastingKeys(lab); ; ) {
    await pause(1500);
    const now = await lastingKeys(lab);
    if (now.join() === before.join()) return now;
    before = now;
  }
}

/**
 * Takes a backup, does `since`, and restores the backup. Resolves when etcd has again all that it had, and no more. `hosts`:
 * where xnet runs then.
 */
async function restoreAfter(lab: Lab, since: () => Promise<void>, hosts = lab.hosts): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-restore-'));
  try {
    const backup = join(directory, 'backup');
    await lab.etcd('snapshot', backup);
    await since();
    const before = await settledKeys(lab);
    await lab.etcd('restore', backup);
    await eventually(async () => expect(await lastingKeys(lab)).toEqual(before));
    for (const host of hosts) await expectNoProblem(lab, host);
    expect(await lastingKeys(lab)).toEqual(before);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function reach(one: Container, two: Container): Promise<void> {
  const names = await Lookups.from(one);
  await names.finds(two.name, [await two.address()]);
  await eventually(async () => expect(await one.greetOverTcp(await two.address())).toBe(two.name));
}

async function subnetsInUse(lab: Lab): Promise<string[]> {
  const values = await lab.etcd('ctl', 'get', '--prefix', '/xnet/networks/', '--print-value-only');
  const records = values.split('\n').filter((line) => line !== '');
  return records.flatMap((record) =>
    (JSON.parse(record) as { pools: { poolKey: string }[] }).pools.map(({ poolKey }) => poolKey),
  );
}

function restoresOf(test: LabTest): void {
  test('a network that was created since the backup is put back whole: its removal counts everywhere', async (lab) => {
    await restoreAfter(lab, async () => void (await createEverywhere(lab, 'h1', 'after')));
    await expectEverywhere(lab, ['after']);
    await lab.docker('h1', 'network', 'rm', 'after');
    await expectEverywhere(lab, []);
  });

  test('containers that were started since the backup reach each other by name, and leave nothing', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    const early = await runContainer(lab, 'h3', 'shop', { name: 'early' });
    let late: Container[] = [];
    await restoreAfter(lab, async () => {
      late = [
        await runContainer(lab, 'h1', 'shop', { name: 'late1' }),
        await runContainer(lab, 'h2', 'shop', { name: 'late2' }),
      ];
    });
    const [one, two] = late as [Container, Container];
    await reach(one, two);
    await reach(two, early);
    await reach(early, one);
  });

  test('containers of a host without xnet keep their addresses, and are reached', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    const early = await runContainer(lab, 'h1', 'shop', { name: 'early' });
    let orphan: Container | undefined;
    const started = async () => {
      orphan = await runContainer(lab, 'h2', 'shop', { name: 'orphan' });
      await reach(early, orphan);
      await lab.xnet('h2', 'kill');
    };
    await restoreAfter(lab, started, ['h1', 'h3']);
    await reach(early, orphan as Container);
    await lab.xnet('h2', 'start');
    for (const host of lab.hosts) await expectNoProblem(lab, host);
    await reach(orphan as Container, await runContainer(lab, 'h3', 'shop'));
  });

  test('a network that was removed since the backup stays away, and its subnet is its successor’s alone', async (lab) => {
    await createMirroredNetwork(lab, 'old');
    for (const [index, host] of lab.hosts.entries())
      await runContainer(lab, host, 'old', { name: `dead${index}` });
    let fresh: Container[] = [];
    await restoreAfter(lab, async () => {
      for (const host of lab.hosts) await lab.docker(host, 'rm', '-f', `dead${lab.hosts.indexOf(host)}`);
      await lab.docker('h1', 'network', 'rm', 'old');
      await expectEverywhere(lab, []);
      // Docker lists it no more, and is still about to give its subnet back.
      const left = () => lab.etcd('ctl', 'get', '--prefix', '/xnet/networks/', '--keys-only');
      await eventually(async () => expect(await left()).toBe(''));
      await createEverywhere(lab, 'h2', 'fresh');
      fresh = [await runContainer(lab, 'h3', 'fresh'), await runContainer(lab, 'h1', 'fresh')];
    });
    await expectEverywhere(lab, ['fresh']);
    expect(await subnetsInUse(lab)).toEqual(['xnet-local~10.192.0.0/24']);
    const [one, two] = fresh as [Container, Container];
    await reach(one, two);
    for (const name of ['dead0', 'dead1', 'dead2']) await (await Lookups.from(one)).finds(name, []);
  });

  test('a network that was made anew under its name since the backup is the new one', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    await restoreAfter(lab, async () => {
      await lab.docker('h2', 'network', 'rm', 'shop');
      await expectEverywhere(lab, []);
      await createMirroredNetwork(lab, 'shop', ['--subnet', '10.77.0.0/24']);
    });
    const [one, two] = [await runContainer(lab, 'h1', 'shop'), await runContainer(lab, 'h3', 'shop')];
    expect(await one.address()).toMatch(/^10\.77\.0\./);
    await reach(one, two);
  });
}

/** What comes and goes meanwhile is told to etcd when it is back, with what it was asked before and did not answer. */
async function outageOverContainers(lab: Lab): Promise<void> {
  await createNetwork(lab, 'h1', 'shop');
  await runContainer(lab, 'h1', 'shop', { name: 'gone' });
  await settledKeys(lab);
  await lab.etcd('freeze');
  await lab.docker('h1', 'rm', '-f', 'gone');
  await runContainer(lab, 'h1', 'shop', { name: 'brief' });
  await lab.docker('h1', 'rm', '-f', 'brief');
  await lab.etcd('thaw');
  await expectNoProblem(lab, 'h1');
  await lab.etcd('kill');
  await lab.etcd('start');
  for (const host of lab.hosts) await expectNoProblem(lab, host);
  for (const host of lab.hosts) expect(await lab.xnetLog(host)).not.toContain(SAID);
}

describeInLab('etcd restored from an older backup', { hosts: 3 }, (test) => {
  test('etcd that was merely away is not taken for restored', outageOverContainers);
  restoresOf(test);
});
