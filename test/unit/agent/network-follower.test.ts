/** Which endpoints' forwarding is computed and given to the data plane, and that it is what the store has. */
import { expect, test } from '@jest/globals';
import type { HostLinks, SegmentLink } from '../../../src/agent/forwarding/forwarding-plan.js';
import { NetworkFollower } from '../../../src/agent/forwarding/network-follower.js';
import type { HostsListener } from '../../../src/agent/hosts/hosts-view.js';
import type { Dataplane, NetworkSpec, RemoteEndpoint } from '../../../src/dataplane/dataplane.js';
import { DEFAULT_MODE } from '../../../src/dataplane/modes.js';
import { XnetError } from '../../../src/errors.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord } from '../../../src/model/record.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { muteLogger } from '../../support/loggers.js';
import { pick, randomFrom } from '../../support/random.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { eventually } from '../../support/time/eventually.js';

const NETWORK: NetworkSpec = { id: '0123456789ab', vni: 77, mtu: 1450, multicast: true };
const HOSTS = 4;
const keyOf = (n: number) => keys.endpoint(NETWORK.id, `e${n}`);

/** Some hosts of which each has a VTEP, which may change; h0 is this one. */
class Hosts {
  readonly #listeners = new Set<HostsListener>();
  readonly #vteps = new Map(Array.from({ length: HOSTS }, (_, n) => [`h${n}`, `192.0.2.${n}`]));
  asked = 0;

  encryptedVtepOf(): undefined {
    return undefined;
  }

  vtepOf(hostId: string): string | undefined {
    this.asked += 1;
    return this.#vteps.get(hostId);
  }

  /** Without a VTEP: something else of it has changed, as that it has fallen silent. */
  move(hostId: string, vtep = this.#vteps.get(hostId)): void {
    const isMoved = vtep !== this.#vteps.get(hostId);
    if (vtep !== undefined) this.#vteps.set(hostId, vtep);
    for (const listener of this.#listeners) listener(new Set(isMoved ? [hostId] : []));
  }

  onChange(listener: HostsListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Takes of `remotes` only what is said to have changed, as the data plane may. */
class Kernel implements Pick<Dataplane, 'ensureNetwork' | 'setForwarding'> {
  readonly calls: string[] = [];
  remotes = new Map<string, RemoteEndpoint>();
  failing = false;
  /** What the network is ensured after. */
  gate = Promise.resolve();

  async ensureNetwork(): Promise<void> {
    this.calls.push('ensure');
    await this.gate;
  }

  async setForwarding(
    _: string,
    remotes: ReadonlyMap<string, RemoteEndpoint>,
    changed?: ReadonlySet<string>,
  ) {
    if (this.failing) throw new XnetError('KERNEL', 'it does not work');
    this.calls.push(changed ? [...changed].map((key) => key.replace(/.*\//, '')).join() : 'all');
    if (!changed) this.remotes = new Map(remotes);
    for (const key of changed ?? []) {
      const remote = remotes.get(key);
      if (remote) this.remotes.set(key, remote);
      else this.remotes.delete(key);
    }
    return { added: 0, removed: 0, left: 0 };
  }
}

/** Of one host alone something is known. */
class Links implements HostLinks {
  link: SegmentLink | undefined;
  #listener: (hostIds: ReadonlySet<string>) => void = () => undefined;

  linkTo(hostId: string): SegmentLink | undefined {
    return hostId === 'h1' ? this.link : undefined;
  }

  onChange(listener: (hostIds: ReadonlySet<string>) => void): () => void {
    this.#listener = listener;
    return () => undefined;
  }

  change(link: SegmentLink | undefined): void {
    this.link = link;
    this.#listener(new Set(['h1', 'h2']));
  }
}

async function open(endpoints: number, network: NetworkSpec = NETWORK, pairs?: HostLinks) {
  const store = new MemoryStore();
  const replica = new Replica(store, new RecordReader(muteLogger));
  const [hosts, kernel] = [new Hosts(), new Kernel()];
  const put = (n: number, hostId: string, address = `10.0.${n >> 8}.${n & 255}`) => ({
    put: keyOf(n),
    value: formatRecord({
      ...{ version: 1, id: `e${n}`, networkId: NETWORK.id, dockerNetworkId: 'd1', hostId },
      ...{ addresses: [address], mac: `02:00:00:00:0${n >> 8}:${(n & 255).toString(16).padStart(2, '0')}` },
    }),
  });
  const change = (...writes: ({ put: string; value: string } | { remove: string })[]) =>
    replica.commit([], writes);
  for (let n = 0; n < endpoints; n++) await change(put(n, `h${n % HOSTS}`));
  const changed = () => undefined;
  const follower = new NetworkFollower({
    ...{ replica, dataplane: kernel, hosts, hostId: 'h0', logger: muteLogger, changed },
    ...(pairs && { pairs }),
  });
  await follower.follow(network);
  /** The VTEPs to which the kernel sends, of endpoints by number; once it was given all. */
  const settled = () =>
    eventually('the kernel has what the store has', async () => {
      const expected = (follower.endpointsOf(NETWORK.id) ?? [])
        .filter(({ hostId }) => hostId !== 'h0' && hosts.vtepOf(hostId))
        .map(({ id, addresses, hostId }) => `${id} ${addresses} ${hosts.vtepOf(hostId)}`);
      const actual = [...kernel.remotes].map(
        ([key, { addresses, vtep }]) => `${key.replace(/.*\//, '')} ${addresses} ${vtep}`,
      );
      return actual.toSorted().join() === expected.toSorted().join();
    });
  return {
    ...{ hosts, kernel, follower, put, change, settled },
    async [Symbol.asyncDispose]() {
      await follower[Symbol.asyncDispose]();
      await replica[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

type Cluster = Awaited<ReturnType<typeof open>>;

test.each<[string, (cluster: Cluster) => unknown, calls: string[]]>([
  ['a new endpoint is given alone', ({ change, put }) => change(put(9, 'h2')), ['e9']],
  ['so is one that is gone', ({ change }) => change({ remove: keyOf(1) }), ['e1']],
  ['so is one with another address', ({ change, put }) => change(put(1, 'h1', '10.0.0.99')), ['e1']],
  [
    'an address that goes from one to another in one commit is of both',
    ({ change, put }) => change({ remove: keyOf(1) }, put(9, 'h2', '10.0.0.1')),
    ['e1,e9'],
  ],
  [
    'a host that falls silent costs nothing',
    async ({ hosts, change, put }) => {
      hosts.move('h1');
      await change(put(9, 'h2'));
    },
    ['e9'],
  ],
  [
    'when a host gets its VTEP after its endpoints were seen, these are given',
    async ({ hosts, change, put, kernel }) => {
      await change(put(9, 'h9'), put(10, 'h9'));
      await eventually('they were given', () => kernel.calls.includes('e9,e10'));
      hosts.move('h9', '192.0.2.9');
    },
    ['e9,e10'],
  ],
  [
    'a host that is no longer in the network costs nothing when it gets another VTEP',
    async ({ hosts, change, kernel, put }) => {
      await change(...[1, 5].map((n) => ({ remove: keyOf(n) })));
      await eventually('it was given', () => kernel.calls.includes('e1,e5'));
      hosts.move('h1', '192.0.2.99');
      hosts.move('h2');
      await change(put(9, 'h2'));
    },
    ['e1,e5', 'e9'],
  ],
  [
    'when a host has another VTEP, its endpoints are given',
    ({ hosts }) => hosts.move('h1', '192.0.2.99'),
    ['e1,e5'],
  ],
  ['when this host has another VTEP, all are given', ({ hosts }) => hosts.move('h0', '192.0.2.99'), ['all']],
  [
    'when the network has another spec, it is ensured, and all are given',
    ({ follower }) => follower.refresh(() => ({ ...NETWORK, mtu: 1300 })),
    ['ensure', 'all'],
  ],
  [
    'after a failure it is ensured, and all are given',
    async ({ kernel, follower, change, put }) => {
      kernel.failing = true;
      await change(put(9, 'h2'));
      await eventually('it fails', async () => follower.failures.length === 1);
      kernel.failing = false;
    },
    ['ensure', 'all'],
  ],
])('%s', async (_, work, calls) => {
  await using cluster = await open(8);
  expect(cluster.kernel.calls.splice(0)).toEqual(['ensure', 'all']);
  await work(cluster);
  // A look for what was known already may come after it.
  const last = () => cluster.kernel.calls.filter((call) => call !== '').at(-1);
  await eventually('it was given', async () => last() === calls.at(-1));
  await cluster.settled();
  // It may fail more than once, and what the watch brings of an own commit is known already.
  const given = cluster.kernel.calls
    .filter((call) => call !== '')
    .filter((call, i, all) => call !== all[i - 1]);
  expect(given).toEqual(calls);
  expect(cluster.follower.failures).toEqual([]);
});

test('one who is followed anew is not given what was wanted before', async () => {
  await using cluster = await open(8);
  const { kernel, follower, change, settled } = cluster;
  let ensured = () => {};
  kernel.gate = new Promise((resolve) => {
    ensured = resolve;
  });
  kernel.calls.length = 0;
  follower.refresh(() => NETWORK);
  await eventually('it is being ensured', () => kernel.calls.includes('ensure'));
  const unfollowed = follower.unfollow(NETWORK.id);
  kernel.gate = Promise.resolve();
  await change({ remove: keyOf(1) });
  await follower.follow(NETWORK);
  ensured();
  await unfollowed;
  await settled();
  expect(kernel.remotes.has(keyOf(1))).toBe(false);
});

test('any sequence of changes leads to what the store has, however the looks fall between them', async () => {
  await using cluster = await open(8);
  const { change, put, hosts, kernel, settled } = cluster;
  const next = randomFrom(7);
  const random = (below: number) => Math.floor(next() * below);
  for (let step = 0; step < 150; step++) {
    const n = random(12);
    const address = `10.0.0.${random(6)}`;
    const one = put((n + 1) % 12, `h${random(HOSTS)}`, address);
    const kind = pick(next, ['host', 'put', 'put', 'put', 'remove', 'move']);
    if (kind === 'host') hosts.move(`h${1 + random(HOSTS - 1)}`, `192.0.2.${random(250)}`);
    else if (kind === 'put') await change(one);
    else await change({ remove: keyOf(n) }, ...(kind === 'move' ? [one] : []));
    kernel.failing = random(30) === 0;
    if (random(8) === 0) {
      kernel.failing = false;
      await settled();
    }
  }
  kernel.failing = false;
  await settled();
});

test.each([10, 400])('of %i endpoints, the one that changed is computed', async (endpoints) => {
  await using cluster = await open(endpoints);
  const { change, put, hosts, kernel, settled } = cluster;
  hosts.asked = 0;
  await change(put(1, 'h2'));
  await eventually('it was given', async () => kernel.calls.filter((call) => call !== '').at(-1) === 'e1');
  // For the endpoint's host, and for this one.
  expect(hosts.asked).toBe(2);
  await settled();
});

test.each(['routed', 'overlay'] as const)(
  'another way to a host concerns its endpoints alone, of routed networks: %s',
  async (kind) => {
    const links = new Links();
    const mode = kind === 'routed' ? ({ kind } as const) : DEFAULT_MODE;
    await using cluster = await open(9, { ...NETWORK, mode }, links);
    const { kernel, change, put, settled } = cluster;
    const ofH1 = () =>
      [...kernel.remotes].flatMap(([key, remote]) => (Number(key.slice(-1)) % HOSTS === 1 ? [remote] : []));
    kernel.calls.length = 0;
    const mac = '02:00:00:00:00:99';
    links.change({ mac, isDirect: true });
    if (kind === 'overlay') {
      await change(put(9, 'h2'));
      await settled();
      expect(kernel.calls.filter((call) => call !== '')).toEqual(['e9']);
      return;
    }
    await eventually('packets go straight', () => ofH1().every(({ direct }) => direct?.mac === mac));
    links.change({ mac, isDirect: false });
    await eventually('they go through the tunnel', () => ofH1().every(({ direct }) => direct === undefined));
    expect(ofH1().every(({ segmentMac }) => segmentMac === mac)).toBe(true);
    const touched = new Set(kernel.calls.flatMap((call) => call.split(',')));
    expect([...touched].filter((id) => id !== '' && Number(id.slice(1)) % HOSTS !== 1)).toEqual([]);
  },
);
