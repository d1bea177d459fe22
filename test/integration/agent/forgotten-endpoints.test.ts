/** Which endpoints count as forgotten: real interfaces, and a Docker that says what the test makes it say. */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { ForgottenEndpoints } from '../../../src/agent/pools/forgotten-endpoints.js';
import type { InspectedContainer } from '../../../src/docker/engine.js';
import { LocalNetworks } from '../../../src/driver/local-networks.js';
import { XnetError } from '../../../src/errors.js';
import { type Container, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { silentLogger } from '../../support/loggers.js';
import { eventually } from '../../support/time/eventually.js';

const OUTSIDE_MS = 500;
/** Some looks later than the time for which an interface may be outside. */
const LONG_MS = 3 * OUTSIDE_MS;

/** A Docker of one container, which may be stopped, starting or running. */
class OneContainer {
  state: 'stopped' | 'starting' | 'running' | 'no answer' = 'stopped';
  endpointId = '';

  async listContainers({ all = false } = {}) {
    if (this.state === 'no answer') throw new XnetError('DOCKER', 'no answer');
    return all || this.state === 'running' ? [this.#describe()] : [];
  }

  /** Waits while the container is being started, and says then what it has got. */
  async inspectContainer() {
    while (this.state === 'starting') await pause(5);
    return this.#describe();
  }

  #describe(): InspectedContainer {
    const endpointId = this.state === 'running' ? this.endpointId : '';
    return {
      ...{
        id: 'c1',
        name: 'one',
        hostname: 'one',
        labels: {},
        state: 'running',
        sandboxPath: undefined,
        exposedPorts: [],
      },
      endpoints: [{ network: 'shop', networkId: 'shop', endpointId, names: [], ...NOTHING }],
    };
  }
}

const NOTHING = { addresses: [], links: [], priority: 0, gateways: 0 };

/** A container's endpoint whose interface is in the container, and a sweep over it. */
async function open() {
  const underlay = await TestUnderlay.create(1);
  const host = underlay.hosts[0]!;
  const container = await underlay.container(host, underlay.network(host, 'shop'), ['10.1.0.2/24']);
  const { endpoint, network, addresses } = container;
  const docker = new OneContainer();
  docker.endpointId = endpoint.id;
  const local = new LocalNetworks();
  const record = {
    ...endpoint,
    networkId: network.id,
    dockerNetworkId: 'shop',
    hostId: 'h1',
    addresses: [...addresses],
  };
  local.recallEndpoint({ version: 1, ...record });
  const forgotten = new ForgottenEndpoints({
    ...{ engine: docker, dataplane: host.dataplane, local, logger: silentLogger },
    ...{ sweepMs: 50, outsideMs: OUTSIDE_MS, registration: { isOwner: true } },
    endpoints: { delete: async (id) => local.removeEndpoint(id) },
  });
  const isKnown = () => local.findEndpoint(endpoint.id) !== undefined;
  return {
    ...{ container, docker, forgotten, isKnown },
    [Symbol.asyncDispose]: async () => {
      await forgotten[Symbol.asyncDispose]();
      await underlay[Symbol.asyncDispose]();
    },
  };
}

/** As libnetwork does at the end of a container. */
async function putBack({ netns, host, endpoint }: Container): Promise<void> {
  await netns.ip(`link set eth0 netns ${host.netns.name} name xc${endpoint.id.slice(0, 12)}`);
}

describe('an endpoint that no running container has', () => {
  test('is forgotten when its interface is outside of every container for long, and not before', async () => {
    await using opened = await open();
    await putBack(opened.container);
    opened.forgotten.start();
    await pause(OUTSIDE_MS / 2);
    expect(opened.isKnown()).toBe(true);
    await eventually(() => expect(opened.isKnown()).toBe(false));
  });

  test('is not while its interface is in a container', async () => {
    await using opened = await open();
    opened.forgotten.start();
    await pause(LONG_MS);
    expect(opened.isKnown()).toBe(true);
  });

  test('is not while a container is being started, however long, nor when it is the one that has it then', async () => {
    await using opened = await open();
    opened.docker.state = 'starting';
    await putBack(opened.container);
    opened.forgotten.start();
    await pause(LONG_MS);
    expect(opened.isKnown()).toBe(true);
    opened.docker.state = 'running';
    await pause(LONG_MS);
    expect(opened.isKnown()).toBe(true);
  });

  test('is when the start has failed', async () => {
    await using opened = await open();
    opened.docker.state = 'starting';
    await putBack(opened.container);
    opened.forgotten.start();
    await pause(LONG_MS);
    opened.docker.state = 'stopped';
    await eventually(() => expect(opened.isKnown()).toBe(false));
  });

  test('is not while Docker does not answer', async () => {
    await using opened = await open();
    opened.docker.state = 'no answer';
    await putBack(opened.container);
    opened.forgotten.start();
    await pause(LONG_MS);
    expect(opened.isKnown()).toBe(true);
  });

  test('is soon when it has no interface at all', async () => {
    await using opened = await open();
    await opened.container.netns.ip('link del eth0');
    opened.forgotten.start();
    await eventually(() => expect(opened.isKnown()).toBe(false));
  });
});

test('an endpoint that a running container has is never forgotten', async () => {
  await using opened = await open();
  opened.docker.state = 'running';
  await putBack(opened.container);
  opened.forgotten.start();
  await pause(LONG_MS);
  expect(opened.isKnown()).toBe(true);
});
