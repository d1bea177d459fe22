/** What runs goes on without etcd, and containers can be started and removed; afterwards all is as if it had not been away. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from '@jest/globals';
import {
  type Container,
  CREATE,
  createMirroredNetwork,
  runContainer,
} from '../support/containers/containers.js';
import { createNetwork, expectNoProblem } from '../support/containers/networks.js';
import { reservedAddresses } from '../support/containers/reserves.js';
import { Lookups } from '../support/dns/lookups.js';
import { callTimes, slowest } from '../support/lab/call-times.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab, type LabTest } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';
import { expectInTime } from '../support/time/in-time.js';

/** A host refuses what it cannot do within this time, and is right again within it when etcd is back. */
const PROMISED_MS = 5_000;

/** More than the file of what the store last said is behind. */
const WRITTEN_MS = 3_000;

/** Default of `--reserve`. */
const RESERVE = 8;

const MAC = ['--mac-address', '02:42:ac:11:00:99'];

interface Shop {
  readonly one: Container;
  readonly two: Container;
  readonly names: Lookups;
}

/** A container on each host, and what it takes to start more of them without etcd. */
async function openShop(lab: Lab): Promise<Shop> {
  await createMirroredNetwork(lab, 'shop');
  const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
  await runContainer(lab, 'h1', 'shop', { name: 'fixed', options: MAC });
  const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
  const names = await Lookups.from(one);
  await names.finds('two', [await two.address()]);
  await eventually(async () => {
    const holders = (await reservedAddresses(lab)).map(({ hostId }) => hostId);
    expect(new Set(holders).size).toBe(2);
    expect(holders).toHaveLength(2 * RESERVE);
  });
  return { one, two, names };
}

/**
 * Containers come and go on h1, and find each other there; one that was there before reaches the one on h2 all the time.
 * (h2 cannot know of new ones yet.)
 */
async function worksWithoutEtcd(lab: Lab, { one, two, names }: Shop): Promise<Container> {
  const three = await runContainer(lab, 'h1', 'shop', { name: 'three' });
  await names.finds('three', [await three.address()]);
  expect(await one.greetOverTcp(await three.address())).toBe('three');
  expect(await one.greetOverTcp(await two.address())).toBe('two');
  await names.finds('two', [await two.address()]);
  // Nobody else can have its MAC meanwhile.
  await lab.docker('h1', 'restart', 'fixed');
  expect(await one.greetOverTcp('fixed')).toBe('fixed');
  const brief = await runContainer(lab, 'h1', 'shop', { name: 'brief' });
  await lab.docker('h1', 'rm', '-f', brief.name);
  await names.finds('brief', []);
  return three;
}

async function isRefusedInTime(lab: Lab): Promise<void> {
  const before = (await callTimes(lab, 'h1')).length;
  const other = ['--mac-address', '02:42:ac:11:00:98'];
  await expect(runContainer(lab, 'h1', 'shop', { options: other })).rejects.toThrow(/etcd .*2379/);
  await expect(lab.docker('h1', ...CREATE, 'late')).rejects.toThrow(/etcd .*2379.*see that/);
  // Not the time of the whole command: on a loaded machine Docker's own work takes seconds.
  const times = (await callTimes(lab, 'h1')).slice(before);
  expect(times).not.toEqual([]);
  expectInTime(slowest(times), PROMISED_MS);
}

/** Of both hosts, from the moment on which etcd answers again. */
async function isRightAgain(three: Container, { one, two }: Shop): Promise<void> {
  const address = await three.address();
  await expect(runContainer(three.lab, 'h2', 'shop', { options: MAC })).rejects.toThrow(
    /container fixed on host h1/,
  );
  const far = await Lookups.from(two);
  await far.finds('three', [address], PROMISED_MS);
  await far.finds('brief', [], PROMISED_MS);
  expect(await two.greetOverTcp(address)).toBe('three');
  expect(await one.greetOverTcp(await two.address())).toBe('two');
}

const OUTAGES: Readonly<
  Record<string, readonly [begin: (lab: Lab) => Promise<unknown>, end: (lab: Lab) => Promise<unknown>]>
> = {
  stopped: [(lab) => lab.etcd('stop'), (lab) => lab.etcd('start')],
  frozen: [(lab) => lab.etcd('freeze'), (lab) => lab.etcd('thaw')],
};

function suite(test: LabTest): void {
  for (const [outage, [begin, end]] of Object.entries(OUTAGES)) {
    test(
      `etcd ${outage}: containers start, are found and removed; the rest is refused in time; then all is right`,
      async (lab) => {
        const shop = await openShop(lab);
        await begin(lab);
        const three = await worksWithoutEtcd(lab, shop)
          .then(async (container) => {
            await isRefusedInTime(lab);
            return container;
          })
          .finally(() => end(lab));
        await isRightAgain(three, shop);
        await expectNoProblem(lab, 'h1');
      },
      { timeoutMs: 180_000, logsErrors: true },
    );
  }

  test(
    'xnet killed and started without etcd knows what it knew, and keeps what was done before',
    async (lab) => {
      const shop = await openShop(lab);
      await lab.etcd('stop');
      try {
        const early = await runContainer(lab, 'h1', 'shop', { name: 'early' });
        await lab.xnet('h1', 'kill');
        await lab.xnet('h1', 'start');
        await shop.names.finds('two', [await shop.two.address()]);
        await shop.names.finds('early', [await early.address()]);
        const three = await worksWithoutEtcd(lab, shop);
        await lab.etcd('start');
        await isRightAgain(three, shop);
        await (await Lookups.from(shop.two)).finds('early', [await early.address()], PROMISED_MS);
      } finally {
        await lab.etcd('start');
      }
      await expectNoProblem(lab, 'h1');
    },
    { timeoutMs: 180_000, logsErrors: true },
  );

  test(
    'what was made and removed in the moment before xnet was killed is right when etcd answers again',
    async (lab) => {
      const { one, two } = await openShop(lab);
      const own = ['-o', 'xnet.mirror=off'];
      await createNetwork(lab, 'h1', 'old', ...own);
      await pause(WRITTEN_MS);
      await createNetwork(lab, 'h1', 'new', ...own);
      const late = await runContainer(lab, 'h1', 'shop', { name: 'late' });
      await lab.docker('h1', 'network', 'rm', 'old');
      await lab.etcd('freeze');
      try {
        await lab.xnet('h1', 'kill');
        await lab.xnet('h1', 'start');
        await eventually(async () => expect(await knownNetworks(lab)).not.toEqual([]));
        expect(await late.greetOverTcp(await two.address())).toBe('two');
      } finally {
        await lab.etcd('thaw');
      }
      await (await Lookups.from(two)).finds('late', [await late.address()], PROMISED_MS);
      expect(await two.greetOverTcp(await late.address())).toBe('late');
      await (await Lookups.from(late)).finds('two', [await two.address()], PROMISED_MS);
      const inDocker = await lab.docker('h1', ...'network ls -q --no-trunc -f driver=xnet'.split(' '));
      await eventually(async () => expect(await knownNetworks(lab)).toEqual(inDocker.split('\n').sort()));
      await lab.docker('h1', 'rm', '-f', late.name);
      await (await Lookups.from(one)).finds('late', []);
      await expectNoProblem(lab, 'h1');
    },
    { timeoutMs: 180_000, logsErrors: true },
  );
}

/** Ids of the Docker networks that xnet on h1 knows of. */
async function knownNetworks(lab: Lab): Promise<string[]> {
  // It ends with 1 while there is a problem.
  const status = await lab.in('h1', 'sh', '-c', 'xnet status --json; true');
  const { networks } = JSON.parse(status) as { networks: { dockerNetworkId: string }[] };
  return networks.map(({ dockerNetworkId }) => dockerNetworkId).sort();
}

describeInLab('fail static', { hosts: 2 }, suite);
