import { EventEmitter, on } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { KnownLabels } from '../../../src/agent/labels/known-labels.js';
import { namesOf } from '../../../src/agent/names/name-plan.js';
import { NamePublisher } from '../../../src/agent/names/name-publisher.js';
import { HostContainers } from '../../../src/dns/answers/host-containers.js';
import type { DockerContainer, Engine, EngineEvent, InspectedContainer } from '../../../src/docker/engine.js';
import { XnetError } from '../../../src/errors.js';
import { type EndpointNames, type EndpointRecord, endpointRecord } from '../../../src/model/endpoint.js';
import { keys } from '../../../src/model/keys.js';
import { formatRecord, parseRecord } from '../../../src/model/record.js';
import { Replica } from '../../../src/replica/replica.js';
import type { View } from '../../../src/replica/view.js';
import { RecordReader } from '../../../src/store/record-reader.js';
import { silentLogger } from '../../support/loggers.js';
import { MemoryStore } from '../../support/store/memory-store.js';
import { eventually } from '../../support/time/eventually.js';

const ID = 'f00dfeedf00d'.padEnd(64, '0');

function containerNamed(name: string, given: Partial<InspectedContainer> = {}): InspectedContainer {
  const endpoint = {
    ...{ network: 'shop', networkId: 'docker-net', endpointId: 'e1', names: [name, 'db'] },
    ...{ addresses: [], links: [], priority: 0, gateways: 0 },
  };
  return {
    id: ID,
    name,
    hostname: ID.slice(0, 12),
    labels: {},
    state: 'running',
    sandboxPath: '/run/docker/netns/f00d',
    exposedPorts: [{ port: 5432, protocol: 'tcp' }],
    endpoints: [endpoint],
    ...given,
  };
}

describe('the names of an endpoint', () => {
  test('are those of Docker there, the short id, the host name and the Compose service, each once, the container first', () => {
    const labels = { 'com.docker.compose.service': 'database' };
    const container = containerNamed('shop-database-1', { hostname: 'hosty', labels });
    expect(namesOf(container, 'e1')).toEqual({
      container: 'shop-database-1',
      containerId: ID,
      network: 'shop',
      names: ['shop-database-1', 'db', ID.slice(0, 12), 'hosty', 'database'],
      ports: [{ port: 5432, protocol: 'tcp' }],
    });
  });

  test('are none when the container has no such endpoint', () => {
    expect(namesOf(containerNamed('a'), 'other')).toBeUndefined();
  });

  test.each([
    ['runs', {}, [], true],
    ['is not healthy yet', { health: 'starting' }, [], false],
    ['is healthy', { health: 'healthy' }, [], true],
    ['is not healthy any more', { health: 'unhealthy' }, [], false],
    ['is told to stop', {}, [15], false],
    ['is told to stop in its own way', { stopSignal: 3 }, [3], false],
    ['is killed', { stopSignal: 3 }, [9], false],
    ['is told something else', {}, [1], true],
  ] as const)("of a swarm's task that %s", (_, given, signals, inService) => {
    const container = containerNamed('web.1.xyz', { service: 'web', ...given });
    const names = namesOf(container, 'e1', new Set(signals))?.names;
    expect(names).toEqual(expect.arrayContaining(['web.1.xyz', ID.slice(0, 12)]));
    expect(names?.filter((name) => name === 'web' || name === 'tasks.web')).toEqual(
      inService ? ['web', 'tasks.web'] : [],
    );
  });
});

/** A Docker with one container. */
class OneContainer {
  container: InspectedContainer | undefined = containerNamed('one');
  inspections = 0;
  failing = false;
  readonly #events = new EventEmitter();

  tell(event: EngineEvent): void {
    this.#events.emit('event', event);
  }

  engine(): Engine {
    const listContainers = async (): Promise<DockerContainer[]> => (this.container ? [this.container] : []);
    const inspectContainer = async () => {
      this.inspections += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (this.failing) throw new XnetError('DOCKER', 'away');
      return this.container;
    };
    const watchEvents = (signal: AbortSignal) => this.#watch(signal);
    return { listContainers, inspectContainer, watchEvents } as unknown as Engine;
  }

  async *#watch(signal: AbortSignal): AsyncIterable<EngineEvent> {
    const events = on(this.#events, 'event', { signal });
    yield { type: 'resync' };
    try {
      for await (const [event] of events) yield event;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

const ENDPOINT: EndpointRecord = {
  version: 1,
  id: 'e1',
  networkId: 'n1',
  dockerNetworkId: 'docker-net',
  hostId: 'h1',
  addresses: ['10.0.0.2'],
  mac: '02:00:00:00:00:01',
};
const KEY = keys.endpoint('n1', 'e1');

/** Counts what is asked of it. */
class CountingStore extends MemoryStore {
  reads = 0;
  commits = 0;

  override get(key: string) {
    this.reads += 1;
    return super.get(key);
  }

  override commit(...args: Parameters<MemoryStore['commit']>) {
    this.commits += 1;
    return super.commit(...args);
  }
}

class Fixture implements AsyncDisposable {
  readonly store = new CountingStore();
  readonly docker = new OneContainer();
  readonly sandboxes = new Map<string, string>();
  readonly labels = new KnownLabels();
  readonly publisher: NamePublisher;
  readonly #view: View<EndpointRecord>;

  constructor(timing: { sweepMs?: number } = {}) {
    const replica = new Replica(this.store, new RecordReader(silentLogger));
    this.#view = replica.follow(KEY, endpointRecord);
    this.publisher = new NamePublisher({
      ...timing,
      store: replica,
      engine: this.docker.engine(),
      local: { findEndpoint: (id) => (id === 'e1' ? ENDPOINT : undefined) },
      follower: { findEndpoint: () => this.stored },
      hostsFiles: { enterRunning: () => undefined },
      sandboxes: {
        has: (id) => this.sandboxes.has(id),
        enter: ({ id }, path) => void this.sandboxes.set(id, path),
      },
      containers: new HostContainers(() => undefined),
      labels: this.labels,
      logger: silentLogger,
    });
  }

  /** The endpoint as the publisher sees it in the store. */
  get stored(): EndpointRecord | undefined {
    return this.#view.records[0];
  }

  async putEndpoint(given: Partial<EndpointRecord> = {}): Promise<void> {
    await this.store.commit([], [{ put: KEY, value: formatRecord({ ...ENDPOINT, ...given }) }]);
  }

  async read() {
    const entry = await this.store.get(KEY);
    return entry && parseRecord(endpointRecord, entry);
  }

  start(action: 'start' | 'rename' = 'start'): void {
    this.tell({ action });
  }

  tell(event: Partial<EngineEvent & { type: 'container' }>): void {
    this.docker.tell({ type: 'container', action: 'start', containerId: ID, name: '', ...event });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.publisher[Symbol.asyncDispose]();
    await this.#view[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }
}

describe('the publisher of names', () => {
  test('writes names into the endpoint record at a resync, changes nothing else there, and follows renames', async () => {
    await using fixture = new Fixture();
    await fixture.putEndpoint();
    fixture.publisher.start();
    await eventually(async () => expect((await fixture.read())?.names?.container).toBe('one'));
    const { names: _, ...rest } = (await fixture.read()) as EndpointRecord;
    expect(rest).toEqual({ ...ENDPOINT, labels: {} });
    fixture.docker.container = containerNamed('two');
    fixture.start('rename');
    await eventually(async () => expect((await fixture.read())?.names?.names).toContain('two'));
    const [record, twin] = [
      await fixture.store.get(KEY),
      await fixture.store.get(keys.endpointTwin(ENDPOINT)),
    ];
    expect(twin?.value).toBe(record?.value);
  });

  test('gives the container a resolver that has none', async () => {
    await using fixture = new Fixture();
    fixture.publisher.start();
    await eventually(() => expect(fixture.sandboxes.get('e1')).toBe('/run/docker/netns/f00d'));
  });

  test('never brings back a record that is gone', async () => {
    await using fixture = new Fixture();
    fixture.publisher.start();
    await eventually(() => {
      fixture.start();
      expect(fixture.docker.inspections).toBeGreaterThan(0);
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await fixture.read()).toBeUndefined();
  });

  test('writes nothing when nothing changed, and looks once more at most for many hints at once', async () => {
    await using fixture = new Fixture();
    await fixture.putEndpoint();
    for (let count = 0; count < 50; count++) fixture.publisher.hint(ID);
    await eventually(async () => expect((await fixture.read())?.names).toBeDefined());
    const revision = (await fixture.store.get(KEY))?.revision;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(fixture.docker.inspections).toBeLessThanOrEqual(2);
    expect((await fixture.store.get(KEY))?.revision).toBe(revision);
  });

  test('asks Docker once of a start that an inspection under way has seen, again where it has not, and not of a removal', async () => {
    await using fixture = new Fixture();
    const { docker } = fixture;
    // Short pauses: what begins within one that comes late, on a busy machine, would not be over with it.
    const settled = async () => {
      for (let pause = 0; pause < 12; pause++) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    fixture.publisher.start();
    await eventually(() => expect(docker.inspections).toBe(1));
    await settled();
    for (const [sandboxPath, inspections] of [
      ['/run/docker/netns/f00d', 1],
      [undefined, 2],
    ] as const) {
      docker.container = containerNamed('one', { sandboxPath });
      docker.inspections = 0;
      docker.tell({
        type: 'network',
        action: 'connect',
        networkId: 'n',
        name: '',
        driver: 'xnet',
        containerId: ID,
      });
      fixture.start();
      await settled();
      expect(docker.inspections).toBe(inspections);
    }
    docker.inspections = 0;
    fixture.tell({ action: 'destroy' });
    await settled();
    expect(docker.inspections).toBe(0);
  });

  test('asks the store for one write, however often Docker tells of the start', async () => {
    await using fixture = new Fixture();
    await fixture.putEndpoint();
    const { commits } = fixture.store;
    fixture.publisher.hint(ID);
    await eventually(() => expect(fixture.docker.inspections).toBe(1));
    fixture.publisher.hint(ID);
    await eventually(() => expect(fixture.docker.inspections).toBe(2));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(fixture.store.reads).toBe(0);
    expect(fixture.store.commits - commits).toBe(1);
    expect((await fixture.read())?.names?.container).toBe('one');
  });

  test('neither reads nor writes what the store has from a daemon before it, however often it looks', async () => {
    await using fixture = new Fixture({ sweepMs: 5 });
    const names = namesOf(containerNamed('one'), 'e1') as EndpointNames;
    await fixture.putEndpoint({ names, labels: {} });
    await eventually(() => expect(fixture.stored?.names).toEqual(names));
    const { commits } = fixture.store;
    fixture.publisher.start();
    await eventually(() => expect(fixture.docker.inspections).toBeGreaterThan(0));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([fixture.store.reads, fixture.store.commits]).toEqual([0, commits]);
  });

  test('writes each change, also back to what it wrote before', async () => {
    await using fixture = new Fixture();
    await fixture.putEndpoint();
    fixture.publisher.start();
    await eventually(() => expect(fixture.stored?.names?.container).toBe('one'));
    for (const name of ['two', 'one']) {
      fixture.docker.container = containerNamed(name);
      fixture.start('rename');
      await eventually(async () => expect((await fixture.read())?.names?.container).toBe(name));
    }
  });

  test('writes names again that the store has lost', async () => {
    await using fixture = new Fixture({ sweepMs: 20 });
    await fixture.putEndpoint();
    fixture.publisher.start();
    await eventually(async () => expect((await fixture.read())?.names).toBeDefined());
    await fixture.putEndpoint();
    await eventually(async () => expect((await fixture.read())?.names?.container).toBe('one'));
  });

  describe("of a swarm's task", () => {
    const task = (given: Partial<InspectedContainer> = {}) =>
      containerNamed('web.1.xyz', { service: 'web', ...given });
    const inService = async (fixture: Fixture, expected: boolean) =>
      eventually(async () => {
        const names = (await fixture.read())?.names?.names ?? [];
        expect([names.includes('web.1.xyz'), names.includes('web')]).toEqual([true, expected]);
      });

    test('follows its health, and takes it out of the service when it is told to stop', async () => {
      await using fixture = new Fixture();
      await fixture.putEndpoint();
      fixture.docker.container = task({ health: 'starting' });
      fixture.publisher.start();
      await inService(fixture, false);
      fixture.docker.container = task({ health: 'healthy' });
      fixture.tell({ action: 'health_status', service: 'web' });
      await inService(fixture, true);
      fixture.tell({ action: 'kill', service: 'web', signal: 1 });
      await inService(fixture, true);
      fixture.tell({ action: 'kill', service: 'web', signal: 15 });
      await inService(fixture, false);
      fixture.tell({ action: 'die', service: 'web' });
      fixture.start();
      await inService(fixture, true);
    });

    test('sees at the next look what no event told', async () => {
      await using fixture = new Fixture({ sweepMs: 20 });
      await fixture.putEndpoint();
      fixture.docker.container = task({ health: 'starting' });
      fixture.publisher.start();
      await inService(fixture, false);
      for (const [health, expected] of [
        ['healthy', true],
        ['unhealthy', false],
      ] as const) {
        fixture.docker.container = task({ health });
        await inService(fixture, expected);
      }
    });

    test('is not looked at for ever when it is told to stop', async () => {
      await using fixture = new Fixture({ sweepMs: 5 });
      await fixture.putEndpoint();
      fixture.docker.container = task();
      fixture.publisher.start();
      await inService(fixture, true);
      fixture.tell({ action: 'kill', service: 'web', signal: 15 });
      await inService(fixture, false);
      const { inspections } = fixture.docker;
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(fixture.docker.inspections - inspections).toBeLessThanOrEqual(1);
    });
  });

  test('tries again what failed', async () => {
    await using fixture = new Fixture();
    await fixture.putEndpoint();
    fixture.docker.failing = true;
    fixture.publisher.start();
    await eventually(() => expect(fixture.publisher.failures).toBe(1));
    fixture.docker.failing = false;
    await eventually(async () => expect((await fixture.read())?.names?.container).toBe('one'));
    await eventually(() => expect(fixture.publisher.failures).toBe(0));
  });
});
