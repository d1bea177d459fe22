import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { keys } from '../../../src/model/keys.js';
import { FakeCluster, type FakeHost, mirroredNames } from '../../support/fake-docker/mirror-hosts.js';
import type { MemoryStore } from '../../support/store/memory-store.js';
import { contentOf, expectTwins } from '../../support/store/twins.js';
import { eventually } from '../../support/time/eventually.js';

const NAMES = ['shop', 'bank', 'mill'];
const HOSTS = 3;

const operation = fc.record({
  host: fc.nat(HOSTS - 1),
  name: fc.constantFrom(...NAMES),
  what: fc.constantFrom(
    'create',
    'create',
    'create',
    'remove',
    'remove',
    'attach',
    'detach',
    'rest',
    'rest',
    'clear',
    'restart',
    'wipe',
  ),
  pauseMs: fc.constantFrom(0, 0, 1, 5, 30),
});
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

async function perform(host: FakeHost, { what, name }: Operation): Promise<void> {
  if (what === 'create') await host.create(name);
  if (what === 'remove') await host.remove(name);
  if (what === 'attach') await host.attach(name);
  if (what === 'detach') await host.detachAll();
  if (what === 'rest') host.rest(name, { hasRun: true });
  if (what === 'clear') host.removeResting();
  if (what === 'wipe') {
    await host.detachAll();
    host.wipeDocker();
  }
  if (what === 'restart') {
    await host.stopXnet();
    await host.startXnet();
  }
}

/** What a user is refused (a name taken, a network in use) changes nothing. */
const performOrBeRefused = (host: FakeHost, each: Operation) => perform(host, each).catch(() => undefined);

describe('the mirror, whatever users do on several hosts', () => {
  test('ends with the same networks everywhere, and with nothing left over when all are removed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 3, maxLength: 25 }), async (operations) => {
        await using cluster = await FakeCluster.start(HOSTS);
        const { hosts, store } = cluster;
        // Others see a network before the one who makes it is told.
        for (const host of hosts) host.onCreation = () => pause(3);
        const work: Promise<void>[] = [];
        for (const each of operations) {
          work.push(performOrBeRefused(hosts[each.host] as FakeHost, each));
          await pause(each.pauseMs);
          if (each.what === 'restart') await Promise.all(work);
        }
        await Promise.all(work);
        await Promise.all(hosts.map((host) => host.detachAll()));
        for (const host of hosts) host.removeResting();
        await eventually(async () => {
          const names = await mirroredNames(store);
          for (const host of hosts) expect([host.names(), host.problems]).toEqual([names, []]);
          await expectNothingPending(store, names.length);
          expectTwins(contentOf((await store.list('')).entries));
        });
        for (const name of await mirroredNames(store)) {
          await performOrBeRefused(hosts[0] as FakeHost, { host: 0, name, what: 'remove', pauseMs: 0 });
        }
        await eventually(async () => {
          for (const host of hosts) expect(host.names()).toEqual([]);
          await expectNothingPending(store, 0);
          expectTwins(contentOf((await store.list('')).entries));
        });
      }),
      { numRuns: 25, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
    );
  }, 120_000);
});

async function expectNothingPending(store: MemoryStore, networks: number): Promise<void> {
  const counts = await Promise.all(
    [keys.networks(), keys.vnis(), 'names/', keys.bindings()].map(
      async (prefix) => (await store.list(prefix)).entries.length,
    ),
  );
  expect(counts).toEqual([networks, networks, networks, networks * HOSTS]);
}
