import { addAbortSignal, type Readable } from 'node:stream';
import Docker from 'dockerode';
import { sleep, untilTick } from '../concurrency/deadline.js';
import { LinkedAbort } from '../concurrency/linked-abort.js';
import { errorMessage, isXnetError, XnetError } from '../errors.js';
import { DockerAgent, DockerCalls, type Work } from './docker-calls.js';
import { connectionOf, containerOf, creationOf, inspectedOf, networkOf } from './docker-json.js';
import type {
  DockerContainer,
  DockerNetwork,
  DockerNetworkSpec,
  Engine,
  EngineEvent,
  EngineState,
  InspectedContainer,
} from './engine.js';
import { EVENT_FILTERS, readEvents } from './event-stream.js';
import { DriverNames, isPlainNameFree, OUR_DRIVER } from './own-plugin.js';
import { SharedEvents } from './shared-events.js';

const TIMING = {
  /** Of a call that only reads. */
  readMs: 10_000,
  /** Of a call during which Docker calls plugins. */
  changeMs: 30_000,
  /** How often a silent event stream is checked for life. */
  heartbeatMs: 10_000,
  /** Between two attempts to reach Docker: the first pause, and the longest. */
  firstPauseMs: 200,
  longestPauseMs: 5000,
};

/** How Docker comes to know our driver, when not by the plain name of its socket. */
export interface OwnPlugin {
  /** Of the managed plugin that this process is. */
  readonly id?: string | undefined;
  /** The managed plugin has the plain name too. */
  readonly plain?: boolean;
}

/** Events of the last seconds are asked for again: Docker answers a moment before it listens. */
const OVERLAP_SECONDS = 2;

/** What dockerode's types lack: the options of these calls. */
type Abortable = Docker & {
  version(options: { abortSignal: AbortSignal }): Promise<Docker.DockerVersion>;
  ping(options: { abortSignal: AbortSignal }): Promise<unknown>;
};

type AbortableNetwork = Docker.Network & {
  inspect(options: { abortSignal: AbortSignal }): Promise<Docker.NetworkInspectInfo>;
};

/**
 * Docker's Engine API on a Unix socket. Speaks the newest version that the Docker it meets has; no call keeps a
 * connection, so one that was restarted, upgraded or moved to a new socket file is found at the next call.
 */
export class DockerodeEngine implements Engine {
  readonly #timing: typeof TIMING;
  readonly #events = new SharedEvents((signal) => this.#openEvents(signal));
  readonly #docker: Abortable;
  readonly #calls: DockerCalls;
  #names: DriverNames | undefined;

  constructor(
    socketPath: string,
    timing: Partial<typeof TIMING> = {},
    private readonly plugin: OwnPlugin = {},
  ) {
    this.#timing = { ...TIMING, ...timing };
    this.#calls = new DockerCalls(socketPath);
    // `host` and what TLS needs would else be taken from DOCKER_* variables. dockerode's types lack `agent`.
    const none = { host: undefined, ca: undefined, cert: undefined, key: undefined };
    const options = { ...none, socketPath, protocol: 'http' as const, agent: new DockerAgent() };
    this.#docker = new Docker(options);
  }

  get state(): EngineState {
    return this.#calls.state;
  }

  /**
   * Gives up all calls, those under way and those to come, with DOCKER. Docker goes on with what it has begun, in
   * which it may be waiting for xnet. Event streams end by their own signals.
   */
  close(): void {
    this.#calls.close();
  }

  /** Docker's. */
  async version(): Promise<string> {
    return (await this.#read('version', (abortSignal) => this.#docker.version({ abortSignal }))).Version;
  }

  async listNetworks(): Promise<DockerNetwork[]> {
    const names = await this.#driverNames();
    const replies = await this.#read('list networks', (abortSignal) =>
      this.#docker.listNetworks({ abortSignal }),
    );
    return replies.map((reply) => networkOf(reply, names));
  }

  async createNetwork(spec: DockerNetworkSpec): Promise<string> {
    const names = await this.#driverNames();
    const network = await this.#change('create network', (abortSignal) =>
      this.#docker.createNetwork({ ...creationOf(spec, names), abortSignal }),
    );
    await this.#giveWay(spec.name, network.id);
    return network.id;
  }

  async removeNetwork(networkId: string): Promise<void> {
    const remove = this.#change('remove network', (abortSignal) =>
      this.#docker.getNetwork(networkId).remove({ abortSignal }),
    );
    await orAbsent(remove);
  }

  /**
   * Docker before 25 makes two networks of one name when both are under way at once: ours, and one that a user or the
   * xnet before us asked for. Then ours is removed again, and EXISTS is thrown.
   */
  async #giveWay(name: string, networkId: string): Promise<void> {
    const ids = (await this.listNetworks()).filter((each) => each.name === name).map(({ id }) => id);
    // A user may have removed ours already, and even made another.
    if (!ids.includes(networkId) || ids.length === 1) return;
    await this.removeNetwork(networkId);
    throw new XnetError('EXISTS', `Docker: network with name ${name} already exists`, { name });
  }

  async listContainers(options: { networkId?: string; all?: boolean } = {}): Promise<DockerContainer[]> {
    const { networkId, all = false } = options;
    const filters = networkId === undefined ? {} : { network: [networkId] };
    const replies = await this.#read('list containers', (abortSignal) =>
      this.#docker.listContainers({ all, filters, abortSignal }),
    );
    return replies.map(containerOf);
  }

  async findContainerOf(networkId: string, endpointId: string) {
    const network = await orAbsent(
      this.#read('inspect network', (abortSignal) =>
        (this.#docker.getNetwork(networkId) as AbortableNetwork).inspect({ abortSignal }),
      ),
    );
    const containers = Object.entries(network?.Containers ?? {});
    const containerId = containers.find(([, { EndpointID }]) => EndpointID === endpointId)?.[0];
    if (containerId === undefined) return undefined;
    const filters = { id: [containerId] };
    const [reply] = await this.#read('list containers', (abortSignal) =>
      this.#docker.listContainers({ all: true, filters, abortSignal }),
    );
    return reply && { ...containerOf(reply), labels: reply.Labels ?? {} };
  }

  async inspectContainer(containerId: string): Promise<InspectedContainer | undefined> {
    const reply = await this.#inspect(containerId);
    return reply && inspectedOf(reply);
  }

  async reconnectContainer(
    containerId: string,
    { id, name }: Pick<DockerNetwork, 'id' | 'name'>,
  ): Promise<void> {
    const reply = await this.#inspect(containerId);
    const endpoint = reply?.NetworkSettings?.Networks?.[name];
    if (!endpoint || endpoint.NetworkID === id || reply.State.Running) return;
    await this.#change('connect network', (abortSignal) =>
      this.#docker.getNetwork(id).connect(connectionOf(containerId, endpoint, abortSignal)),
    );
  }

  watchEvents(signal: AbortSignal): AsyncIterable<EngineEvent> {
    return this.#events.watch(signal);
  }

  async *#openEvents(signal: AbortSignal): AsyncIterable<EngineEvent> {
    const { firstPauseMs, longestPauseMs } = this.#timing;
    let pauseMs = firstPauseMs;
    while (!signal.aborted) {
      try {
        for await (const event of this.#followEvents(signal)) {
          pauseMs = firstPauseMs;
          yield event;
        }
        this.#calls.state = { connected: false, reason: "Docker's event stream ended" };
      } catch (error: unknown) {
        this.#calls.state = { connected: false, reason: errorMessage(error) };
      }
      await sleep(pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  /** One connection's events. Ends or throws when it is lost, or when Docker gives no sign of life. */
  async *#followEvents(signal: AbortSignal): AsyncIterable<EngineEvent> {
    using connection = new LinkedAbort([signal]);
    const heartbeat = this.#checkLife(connection);
    try {
      this.#calls.version = await this.version();
      const stream = await this.#read(
        'watch events',
        (abortSignal) => this.#docker.getEvents(eventOptions(abortSignal)),
        connection.signal,
      );
      // The request's own signal no longer holds once it is answered.
      addAbortSignal(connection.signal, stream as Readable);
      const names = await this.#driverNames();
      yield { type: 'resync' };
      yield* readEvents(stream, names);
    } finally {
      connection.abort();
      await heartbeat;
    }
  }

  /** Breaks the connection when Docker no longer answers. Never rejects. */
  async #checkLife(connection: LinkedAbort): Promise<void> {
    const { signal } = connection;
    const ping = () => this.#read('ping', (abortSignal) => this.#docker.ping({ abortSignal }), signal);
    const pause = () => sleep(untilTick(this.#timing.heartbeatMs), signal);
    await pause();
    while (!signal.aborted) {
      await ping().catch(connection.abort);
      await pause();
    }
  }

  /** Only Docker knows how its user named the plugin. Once known, that stays: a plugin cannot be renamed. */
  async #driverNames(): Promise<DriverNames> {
    this.#names ??= new DriverNames(await this.#readDriverNames());
    return this.#names;
  }

  async #readDriverNames(): Promise<[string, ...string[]]> {
    const { id, plain = false } = this.plugin;
    if (id === undefined) return [OUR_DRIVER];
    const { Name } = await this.#read('inspect plugin', (abortSignal) =>
      this.#docker.getPlugin(id, id).inspect({ abortSignal }),
    );
    return plain && isPlainNameFree(Name) ? [OUR_DRIVER, Name] : [Name];
  }

  async #inspect(containerId: string): Promise<Docker.ContainerInspectInfo | undefined> {
    const inspect = this.#change('inspect container', (abortSignal) =>
      this.#docker.getContainer(containerId).inspect({ abortSignal }),
    );
    return orAbsent(inspect);
  }

  #read<T>(call: string, work: Work<T>, ended?: AbortSignal): Promise<T> {
    return this.#calls.run(call, this.#timing.readMs, work, ended);
  }

  #change<T>(call: string, work: Work<T>): Promise<T> {
    return this.#calls.run(call, this.#timing.changeMs, work);
  }
}

function eventOptions(abortSignal: AbortSignal): Docker.GetEventsOptions {
  const since = Math.floor(Date.now() / 1000) - OVERLAP_SECONDS;
  const options = { since, filters: EVENT_FILTERS, abortSignal };
  // dockerode's types lack some of Docker's events.
  return options as unknown as Docker.GetEventsOptions;
}

async function orAbsent<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error: unknown) {
    if (isXnetError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}
