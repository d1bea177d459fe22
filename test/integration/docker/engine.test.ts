/** The Engine API as real Docker engines speak it: the newest and the oldest that xnet serves. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DockerodeEngine } from '../../../src/docker/dockerode-engine.js';
import type { EngineEvent } from '../../../src/docker/engine.js';
import { networkSpec } from '../../support/fake-docker/network-spec.js';
import { Lab } from '../../support/lab/lab.js';
import { eventually } from '../../support/time/eventually.js';
import { expectInTime } from '../../support/time/in-time.js';

let lab: Lab;

beforeAll(async () => {
  lab = await Lab.up('docker-api', { hosts: 2, engines: { h2: '20.10' }, etcd: 0 });
}, 300_000);
afterAll(() => lab?.down(), 120_000);

/** Short times, so that what takes long is seen soon. */
const TIMING = { readMs: 1500, changeMs: 10_000, heartbeatMs: 500, firstPauseMs: 50, longestPauseMs: 300 };

async function engineOf(host: string): Promise<DockerodeEngine> {
  const pid = (await lab.run(['pid', host])).trim();
  return new DockerodeEngine(`/proc/${pid}/root/run/docker.sock`, TIMING);
}

class Watching implements AsyncDisposable {
  readonly events: EngineEvent[] = [];
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(engine: DockerodeEngine) {
    this.#ended = this.#follow(engine);
  }

  count(type: EngineEvent['type']): number {
    return this.events.filter((event) => event.type === type).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }

  async #follow(engine: DockerodeEngine): Promise<void> {
    for await (const event of engine.watchEvents(this.#stop.signal)) this.events.push(event);
  }
}

describe.each(['h1', 'h2'])('the Engine API of %s', (host) => {
  test('creates networks as told, lists them, removes them, and twice is once', async () => {
    const engine = await engineOf(host);
    const subnets = [
      {
        subnet: '10.77.0.0/24',
        range: '10.77.0.128/25',
        gateway: '10.77.0.9',
        auxiliary: { router: '10.77.0.8' },
      },
      { subnet: 'fd77::/64', gateway: 'fd77::1' },
    ];
    const wanted = networkSpec('full', {
      internal: true,
      attachable: true,
      ipv6: true,
      labels: { 'com.example/a': 'b c' },
      options: { 'com.docker.network.driver.mtu': '1400' },
      ipam: { driver: 'default', options: {}, subnets },
    });
    const id = await engine.createNetwork(wanted);
    const found = (await engine.listNetworks()).find((network) => network.id === id);
    expect(found).toEqual({ ...wanted, id, scope: 'local' });
    await expect(engine.createNetwork(networkSpec('full'))).rejects.toMatchObject({ code: 'EXISTS' });
    await engine.removeNetwork(id);
    await engine.removeNetwork(id);
    expect((await engine.listNetworks()).map(({ name }) => name)).not.toContain('full');
  });

  test('says what Docker chose when it was left to it', async () => {
    const engine = await engineOf(host);
    const id = await engine.createNetwork(networkSpec('chosen'));
    const found = (await engine.listNetworks()).find((network) => network.id === id);
    expect(found?.ipam.subnets).toEqual([
      { subnet: expect.stringMatching(/^172\..*\/16$/), gateway: expect.stringMatching(/^172\..*\.1$/) },
    ]);
    await engine.removeNetwork(id);
  });

  test('turns refusals into codes', async () => {
    const engine = await engineOf(host);
    const refused = (work: Promise<unknown>) =>
      work.then(
        () => 'done',
        (error) => error.code,
      );
    expect(await refused(engine.createNetwork(networkSpec('none')))).toMatch(/IN_USE|EXISTS/);
    const badIpam = { driver: 'default', options: {}, subnets: [{ subnet: 'nonsense' }] };
    expect(await refused(engine.createNetwork(networkSpec('bad', { ipam: badIpam })))).toMatch(
      /INVALID|DOCKER/,
    );
  });

  test('tells of networks and containers as they come and go, with their names', async () => {
    const engine = await engineOf(host);
    await using watching = new Watching(engine);
    await eventually(() => expect(watching.count('resync')).toBe(1));
    const networkId = await engine.createNetwork(networkSpec('busy'));
    const aliases = [
      '--network-alias',
      'one',
      '--network-alias',
      'two',
      '--hostname',
      'hosty',
      '--expose',
      '53/udp',
      '--link',
      'other:private',
    ];
    const labels = ['--label', 'com.docker.compose.service=web'];
    const run = [
      'run',
      '-d',
      '--name',
      'first',
      '--network',
      'busy',
      ...aliases,
      ...labels,
      'tools',
      'sleep',
      '1d',
    ];
    const containerId = (await lab.docker(host, ...run)).trim();
    await expect(engine.removeNetwork(networkId)).rejects.toMatchObject({ code: 'IN_USE' });

    const listed = await engine.listContainers({ networkId });
    expect(listed).toMatchObject([{ id: containerId, name: 'first' }]);
    const [endpoint] = listed[0]?.endpoints ?? [];
    const inspected = await engine.inspectContainer(containerId);
    expect(inspected).toMatchObject({
      hostname: 'hosty',
      labels: { 'com.docker.compose.service': 'web' },
      exposedPorts: [{ port: 53, protocol: 'udp' }],
      endpoints: [{ network: 'busy', networkId, endpointId: endpoint?.endpointId }],
    });
    expect(inspected?.endpoints[0]?.names).toEqual(
      expect.arrayContaining(['one', 'two', containerId.slice(0, 12), 'hosty']),
    );
    expect(inspected?.endpoints[0]).toMatchObject({
      addresses: [expect.stringMatching(/^[\d.]+$/)],
      links: [{ name: 'other', alias: 'private' }],
      ...{ priority: 0, gateways: 1 },
    });

    await lab.docker(host, 'rename', 'first', 'second');
    await lab.docker(host, 'rm', '-f', 'second');
    await engine.removeNetwork(networkId);
    expect(await engine.inspectContainer(containerId)).toBeUndefined();
    const network = { networkId, name: 'busy', driver: 'bridge', type: 'network' };
    const container = { type: 'container', containerId };
    await eventually(() => expect(watching.events.at(-1)).toEqual({ ...network, action: 'destroy' }));
    // xnet makes docker_gwbridge some time after its start.
    const seen = watching.events.filter((event) => !('name' in event) || event.name !== 'docker_gwbridge');
    // Events of the last seconds come again.
    const events = seen.slice(seen.findIndex((event) => 'name' in event && event.name === 'busy'));
    expect(events.slice(0, 5)).toEqual([
      { ...network, action: 'create' },
      { ...container, action: 'create', name: 'first' },
      { ...network, action: 'connect', containerId },
      { ...container, action: 'start', name: 'first' },
      { ...container, action: 'rename', name: 'second' },
    ]);
    // Docker's versions differ in the order of these.
    expect(events.slice(5, -1)).toEqual(
      expect.arrayContaining([
        { ...network, action: 'disconnect', containerId },
        { ...container, action: 'die', name: 'second' },
        { ...container, action: 'destroy', name: 'second' },
      ]),
    );
  }, 60_000);

  test("tells a container's health and service, and what it is sent", async () => {
    const engine = await engineOf(host);
    await using watching = new Watching(engine);
    await eventually(() => expect(watching.count('resync')).toBe(1));
    const check = ['--health-cmd', 'test -e /well', '--health-interval', '0.3s', '--health-retries', '1000'];
    const signal = ['--stop-signal', 'RTMIN+3'];
    const task = ['--label', 'com.docker.swarm.service.name=web'];
    const containerId = await lab.docker(
      host,
      'run',
      '-d',
      ...check,
      ...signal,
      ...task,
      'tools',
      'sleep',
      '1d',
    );
    const both = async () => [
      (await engine.listContainers()).find(({ id }) => id === containerId),
      await engine.inspectContainer(containerId),
    ];
    for (const each of await both()) expect(each).toMatchObject({ service: 'web', health: 'starting' });
    await lab.docker(host, 'exec', containerId, 'touch', '/well');
    const event = { type: 'container', containerId, name: expect.any(String), service: 'web' };
    await eventually(() => expect(watching.events).toContainEqual({ ...event, action: 'health_status' }));
    for (const each of await both()) expect(each).toMatchObject({ health: 'healthy' });
    expect(await engine.inspectContainer(containerId)).toMatchObject({ stopSignal: 37 });
    await lab.docker(host, 'kill', '-s', 'USR1', containerId);
    await eventually(() => expect(watching.events).toContainEqual({ ...event, action: 'kill', signal: 10 }));
    await lab.docker(host, 'rm', '-f', containerId);
  }, 60_000);

  test.each(['stop', 'kill'] as const)(
    'finds Docker again, with a resync, after a %s',
    async (how) => {
      const engine = await engineOf(host);
      await using watching = new Watching(engine);
      await eventually(() => expect(engine.state.connected).toBe(true));
      await lab.dockerd(host, how);
      await eventually(() => expect(engine.state).toMatchObject({ connected: false }));
      await expect(engine.listNetworks()).rejects.toMatchObject({ code: 'DOCKER' });
      await pause(500);
      const started = lab.dockerd(host, 'start');
      await eventually(() => expect(watching.count('resync')).toBe(2), 15_000);
      await started;
      expect(engine.state).toMatchObject({ connected: true, version: expect.stringMatching(/^\d+\./) });
      const id = await engine.createNetwork(networkSpec('after'));
      await eventually(() =>
        expect(watching.events.at(-1)).toMatchObject({ action: 'create', name: 'after' }),
      );
      await engine.removeNetwork(id);
    },
    60_000,
  );

  test('notices a Docker that hangs, gives up calls in time, and goes on when it is back', async () => {
    const engine = await engineOf(host);
    await using watching = new Watching(engine);
    await eventually(() => expect(watching.count('resync')).toBe(1));
    await lab.in(host, 'sh', '-c', 'kill -STOP $(pidof dockerd)');
    try {
      const before = performance.now();
      await expect(engine.listNetworks()).rejects.toMatchObject({ code: 'DOCKER' });
      expectInTime(performance.now() - before, 3000);
      expect(engine.state).toMatchObject({ connected: false });
      // Longer than a heartbeat and its deadline: shorter ones cost no event.
      await pause(TIMING.heartbeatMs + 2 * TIMING.readMs);
    } finally {
      await lab.in(host, 'sh', '-c', 'kill -CONT $(pidof dockerd)');
    }
    await eventually(() => expect(watching.count('resync')).toBeGreaterThan(1), 10_000);
    expect(engine.state.connected).toBe(true);
  }, 60_000);
});

test('an engine whose socket is not there yet is waited for, and the reason is told', async () => {
  const engine = new DockerodeEngine('/nonexistent/docker.sock', TIMING);
  await using watching = new Watching(engine);
  await eventually(() =>
    expect(engine.state).toEqual({
      connected: false,
      reason: "Docker's API at /nonexistent/docker.sock: there is no such socket",
    }),
  );
  expect(watching.events).toEqual([]);
});
