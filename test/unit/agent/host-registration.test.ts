import { describe, expect, test } from '@jest/globals';
import { HostRegistration } from '../../../src/agent/hosts/host-registration.js';
import { HostsView } from '../../../src/agent/hosts/hosts-view.js';
import { XnetError } from '../../../src/errors.js';
import { keys } from '../../../src/model/keys.js';
import { Replica } from '../../../src/replica/replica.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import type { Lease } from '../../../src/store/store.js';
import { muteLogger, silentLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { eventually } from '../../support/time/eventually.js';

const host = (number: number) => ({
  ...{
    version: 1 as const,
    id: `0000000${number}-0000-0000-0000-000000000000`,
    name: `h${number}`,
    vtep: `198.18.0.${number}`,
  },
  ...{ vxlanPort: 4789, xnetVersion: 'test' },
});

const facts = (subnet: string) => ({ gatewaySubnets: [subnet], dockerDatabase: 'database' });

/** A host's record as a newer xnet writes it. */
const newer = (number: number) => JSON.stringify({ ...host(number), version: 2, isNew: true });

describe('the record of a newer xnet', () => {
  test('is not replaced by that of an older one on the same host', async () => {
    await using store = new MemoryStore();
    await store.commit([], [{ put: keys.host(host(1).id), value: newer(1) }]);
    await using registration = new HostRegistration(store, host(1), silentLogger);
    await expect(registration.start()).rejects.toThrow(
      /hosts\/00000001-0000-0000-0000-000000000000 cannot be read.*newer xnet/,
    );
    expect((await store.get(keys.host(host(1).id)))?.value).toBe(newer(1));
  });

  test('is not replaced when only subnets are to be told', async () => {
    await using store = new MemoryStore();
    await using registration = new HostRegistration(store, host(1), silentLogger);
    await registration.start();
    await store.commit([], [{ put: keys.host(host(1).id), value: newer(1) }]);
    await expect(registration.publishDocker(facts('172.18.0.0/16'))).rejects.toThrow(/cannot be read/);
    expect((await store.get(keys.host(host(1).id)))?.value).toBe(newer(1));
  });

  test('stays when another host takes its underlay address', async () => {
    await using store = new MemoryStore();
    const { id, vtep } = host(2);
    const writes = [
      { put: keys.host(id), value: newer(2) },
      { put: keys.vtep(vtep), value: id },
    ];
    await store.commit([], writes);
    await using registration = new HostRegistration(store, { ...host(1), vtep }, silentLogger);
    await expect(registration.start()).rejects.toThrow(
      /hosts\/00000002-0000-0000-0000-000000000000 cannot be read/,
    );
    expect((await store.get(keys.host(id)))?.value).toBe(newer(2));
  });
});

test('a host whose twins cannot be made says so, and not that it is not registered', async () => {
  const store = new (class extends MemoryStore {
    isSlow = false;
    lease: Lease | undefined;
    override async grantLease(...of: Parameters<MemoryStore['grantLease']>): Promise<Lease> {
      this.lease = await super.grantLease(...of);
      return this.lease;
    }
    override async count(prefix: string): Promise<number> {
      if (this.isSlow && prefix === keys.bindings()) throw new XnetError('STORE_UNAVAILABLE', 'etcd is slow');
      return super.count(prefix);
    }
  })();
  await using _ = store;
  store.isSlow = true;
  await using starting = new HostRegistration(store, host(2), muteLogger);
  await expect(starting.start()).rejects.toThrow(/no copies under by-host\/00000002-.*etcd is slow/);
  store.isSlow = false;

  await using registration = new HostRegistration(store, host(1), muteLogger);
  await registration.start();
  store.isSlow = true;
  // As an older xnet leaves it, which has registered in between.
  await store.commit([], [{ put: keys.host(host(1).id), value: JSON.stringify(host(1)) }]);
  await store.commit([], [{ put: keys.host(host(3).id), value: JSON.stringify(host(3)) }]);
  await store.lease?.revoke();
  await eventually(() => {
    expect(registration.problems).toEqual([expect.stringMatching(/^the records of this host.*etcd is slow/)]);
  });
  store.isSlow = false;
  await eventually(() => expect(registration.problems).toEqual([]));
});

describe("the subnets of a host's docker_gwbridge", () => {
  test('are known to every host, and stay so when the host registers again or is away', async () => {
    await using store = new MemoryStore();
    await using view = new HostsView(new Replica(store, new RecordReader(silentLogger)));
    await view.ready();
    {
      await using registration = new HostRegistration(store, host(1), silentLogger);
      await registration.start();
      expect(registration.dockerFacts.gatewaySubnets).toEqual([]);
      await registration.publishDocker(facts('172.18.0.0/16'));
      expect(registration.dockerFacts.gatewaySubnets).toEqual(['172.18.0.0/16']);
    }
    const known = [{ hostName: 'h1', subnet: '172.18.0.0/16' }];
    await eventually(() => expect(view.gatewaySubnets()).toEqual(known));
    await using again = new HostRegistration(store, host(1), silentLogger);
    await again.start();
    expect(again.dockerFacts.gatewaySubnets).toEqual(['172.18.0.0/16']);
    await again.publishDocker(facts('172.20.0.0/16'));
    await eventually(() => expect(view.gatewaySubnets()).toMatchObject([{ subnet: '172.20.0.0/16' }]));
  });
});

describe('the underlay address of another host', () => {
  test('is taken from a silent one, which stays known, as silent, with all that it had', async () => {
    await using store = new MemoryStore();
    await using view = new HostsView(new Replica(store, new RecordReader(silentLogger)));
    await view.ready();
    {
      await using gone = new HostRegistration(store, host(1), silentLogger);
      await gone.start();
    }
    const binding = { version: 1, networkId: 'a1', hostId: host(1).id, dockerNetworkId: 'd1' };
    await store.commit([], [{ put: keys.binding('a1', host(1).id, 'd1'), value: JSON.stringify(binding) }]);
    await using taker = new HostRegistration(store, { ...host(2), vtep: host(1).vtep }, silentLogger);
    await taker.start();
    await eventually(() =>
      expect(view.list().map(({ host: { name }, alive }) => [name, alive])).toEqual([
        ['h1', false],
        ['h2', true],
      ]),
    );
    expect([view.vtepOf(host(1).id), view.vtepOf(host(2).id)]).toEqual([undefined, host(1).vtep]);
    await using back = new HostRegistration(store, { ...host(1), vtep: '198.18.0.9' }, silentLogger);
    await back.start();
    expect((await store.get(keys.vtep(host(1).vtep)))?.value).toBe(host(2).id);
    await eventually(() => expect(view.vtepOf(host(1).id)).toBe('198.18.0.9'));
  });

  test('is taken from one that has nothing left, which is forgotten', async () => {
    await using store = new MemoryStore();
    {
      await using gone = new HostRegistration(store, host(1), silentLogger);
      await gone.start();
    }
    await using taker = new HostRegistration(store, { ...host(2), vtep: host(1).vtep }, silentLogger);
    await taker.start();
    expect(await store.get(keys.host(host(1).id))).toBeUndefined();
  });

  test('is taken from one that has given it up: two swap theirs', async () => {
    await using store = new MemoryStore();
    const of = (number: number) => ({ ...host(number), machine: `boot/${number}` });
    await using one = new HostRegistration(store, of(1), silentLogger);
    await using two = new HostRegistration(store, of(2), silentLogger);
    await Promise.all([one.start(), two.start()]);
    await Promise.all([
      eventually(() => one.change({ name: 'h1', vtep: host(2).vtep })),
      eventually(() => two.change({ name: 'h2', vtep: host(1).vtep })),
    ]);
    expect((await store.get(keys.vtep(host(1).vtep)))?.value).toBe(host(2).id);
    expect((await store.get(keys.vtep(host(2).vtep)))?.value).toBe(host(1).id);
  });
});

describe('two machines with one host id', () => {
  const of = (machine: string, vtep: string) => ({ ...host(1), machine, vtep });

  /** The first machine, which sees in `view` when its record is taken. */
  async function registered(store: MemoryStore, view: HostsView): Promise<HostRegistration> {
    await view.ready();
    const first = new HostRegistration(store, of('boot-1/1', '198.18.0.1'), silentLogger);
    await first.start();
    view.onChange(() => first.noteRecord(view.find(host(1).id)));
    return first;
  }

  test('the second takes nothing of the first, and gets the id when the first has left', async () => {
    await using store = new MemoryStore();
    const second = of('boot-2/1', '198.18.0.9');
    await using refused = new HostRegistration(store, second, silentLogger);
    {
      await using first = new HostRegistration(store, of('boot-1/1', '198.18.0.1'), silentLogger);
      await first.start();
      const before = await store.list('');
      await expect(refused.start()).rejects.toThrow(/in use by another machine, h1 \(198.18.0.1\)/);
      expect((await store.list('')).entries).toEqual(before.entries);
    }
    await refused.start();
    expect((await store.get(keys.vtep('198.18.0.9')))?.value).toBe(host(1).id);
  });

  test('the first says so when its record is taken, and has it again when the other has left', async () => {
    await using store = new MemoryStore();
    await using view = new HostsView(new Replica(store, new RecordReader(silentLogger)));
    await using first = await registered(store, view);
    {
      // Of the same address: a reboot could not be told from it.
      await using taker = new HostRegistration(store, of('boot-2/1', '198.18.0.1'), silentLogger);
      await taker.start();
      await eventually(() =>
        expect(first.problems).toEqual([expect.stringMatching(/not registered.*in use/)]),
      );
    }
    await eventually(() => expect(first.problems).toEqual([]));
    expect(view.find(host(1).id)?.machine).toBe('boot-1/1');
    expect(view.isAlive(host(1).id)).toBe(true);
  });

  test('the first says that its new address is not known yet, as long as its record is taken', async () => {
    await using store = new MemoryStore();
    await using view = new HostsView(new Replica(store, new RecordReader(silentLogger)));
    await using first = await registered(store, view);
    {
      await using taker = new HostRegistration(store, of('boot-2/1', '198.18.0.1'), silentLogger);
      await taker.start();
      await eventually(() => expect(first.problems).toHaveLength(1));
      const changed = first.change({ name: 'h1', vtep: '198.18.0.5' });
      await expect(changed).rejects.toThrow(/in use by another machine/);
    }
    await eventually(() => expect(view.vtepOf(host(1).id)).toBe('198.18.0.5'));
  });

  test('the first gives up nothing of the other when it gets another address meanwhile', async () => {
    await using store = new MemoryStore();
    await using first = new HostRegistration(store, of('boot-1/1', '198.18.0.1'), silentLogger);
    await first.start();
    const taken = of('boot-2/1', '198.18.0.9');
    await store.commit(
      [],
      [
        { put: keys.host(taken.id), value: JSON.stringify(taken) },
        { put: keys.vtep(taken.vtep), value: taken.id },
      ],
    );
    await expect(first.change({ name: 'h1', vtep: '198.18.0.5' })).rejects.toThrow(
      /in use by another machine/,
    );
    expect((await store.get(keys.vtep(taken.vtep)))?.value).toBe(taken.id);
  });

  test('one that stands back makes room for the other', async () => {
    await using store = new MemoryStore();
    const record = { ...of('boot-1/1', '198.18.0.1'), dockerDatabase: 'a' };
    {
      await using gone = new HostRegistration(store, record, silentLogger);
      await gone.start();
    }
    await using copy = new HostRegistration(store, of('boot-2/1', '198.18.0.9'), muteLogger);
    await copy.start();
    expect(copy.isOwner).toBe(false);
    expect(copy.recognize('b', [])).toBe(false);
    await eventually(async () => expect(await store.get(keys.alive(record.id))).toBeUndefined());
    expect(copy.problems).toEqual([expect.stringMatching(/were made on another machine/)]);
    await using back = new HostRegistration(store, of('boot-3/1', '198.18.0.1'), silentLogger);
    await back.start();
    expect((await store.get(keys.vtep('198.18.0.1')))?.value).toBe(record.id);
    expect(await store.get(keys.vtep('198.18.0.9'))).toBeUndefined();
  });
});
