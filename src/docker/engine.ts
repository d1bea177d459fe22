/**
 * src/docker: this host's Docker as xnet uses it: the Engine API, containers' hosts files, the plugin's own names. Docker's JSON,
 * its error texts and the differences of its versions end in this folder. Not in here: what to do about a network or a
 * container; that is the agent's.
 *
 * What xnet asks of this host's Docker, in domain words. Nothing here but `findContainerOf` is called while an RPC of Docker is being
 * answered: Docker holds locks then, and would wait for itself. GwAllocCheck alone may wait for what was asked before
 * (docker_gwbridge, 1.5 s at most): Docker 28.5 makes that network meanwhile (e2e plain-networks).
 *
 * Our own driver is called OUR_DRIVER, whatever Docker calls it on this host.
 *
 * Every call is bounded in time and finds Docker by path anew. Failures are XnetErrors: NOT_FOUND, EXISTS (the
 * name is taken), IN_USE (a network has endpoints, or is Docker's own), INVALID, and DOCKER for all others, also
 * when Docker is away.
 */
import { Prefix } from '../inet/prefix.js';

export interface DockerSubnet {
  readonly subnet?: string | undefined;
  readonly range?: string | undefined;
  readonly gateway?: string | undefined;
  readonly auxiliary?: Readonly<Record<string, string>> | undefined;
}

export interface DockerNetworkSpec {
  readonly name: string;
  readonly driver: string;
  readonly internal: boolean;
  readonly attachable: boolean;
  /** Docker before 28 (API 1.48) knows no networks without IPv4, and ignores this. */
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** `-o` options. */
  readonly options: Readonly<Record<string, string>>;
  readonly ipam: {
    readonly driver: string;
    readonly options: Readonly<Record<string, string>>;
    /** Also what Docker or the IPAM driver chose, when it was left to them. */
    readonly subnets: readonly DockerSubnet[];
  };
}

export interface DockerNetwork extends DockerNetworkSpec {
  readonly id: string;
  /** `local`; `swarm` and `global` networks are not this Docker's own. */
  readonly scope: string;
}

/** Those of its subnets that are known: Docker leaves them open where the IPAM driver has none. */
export function prefixesOf({ ipam }: Pick<DockerNetwork, 'ipam'>): Prefix[] {
  return ipam.subnets.flatMap(({ subnet }) =>
    subnet === undefined ? [] : [Prefix.parseInterface(subnet).prefix],
  );
}

/** A container's place in one network. */
export interface ContainerEndpoint {
  /** The Docker network's name; of a container that never ran what its user called it. */
  readonly network: string;
  /** Empty while the container never ran. */
  readonly networkId: string;
  /** Empty when the container does not run. */
  readonly endpointId: string;
}

/** Of a container with a health check. */
export type Health = 'starting' | 'healthy' | 'unhealthy';

export interface DockerContainer {
  readonly id: string;
  readonly name: string;
  readonly endpoints: readonly ContainerEndpoint[];
  /** The swarm's service whose task it is. */
  readonly service?: string | undefined;
  readonly health?: Health | undefined;
}

export interface InspectedContainer extends DockerContainer {
  readonly hostname: string;
  /** Number of the signal that it is stopped with; absent: SIGTERM's. */
  readonly stopSignal?: number | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** In Docker's words: running, paused, exited, ... */
  readonly state: string;
  /** File of its network namespace; undefined when it does not run. */
  readonly sandboxPath: string | undefined;
  readonly exposedPorts: readonly { readonly port: number; readonly protocol: string }[];
  readonly endpoints: readonly InspectedEndpoint[];
}

export interface InspectedEndpoint extends ContainerEndpoint {
  /** That Docker's own resolver has for it there (aliases; short id and host name in most versions). */
  readonly names: readonly string[];
  /** Plain IPv4 and IPv6 addresses; none when the container does not run. */
  readonly addresses: readonly string[];
  /** What the container alone calls others there (`--link NAME:ALIAS`). */
  readonly links: readonly { readonly name: string; readonly alias: string }[];
  /** `--gw-priority`: 0 by default, and in Docker before 28. */
  readonly priority: number;
  /** How many gateways it has there: for IPv4, for IPv6. */
  readonly gateways: number;
}

export const NETWORK_ACTIONS = ['create', 'connect', 'disconnect', 'destroy'] as const;
export type NetworkAction = (typeof NETWORK_ACTIONS)[number];
export const CONTAINER_ACTIONS = [
  'create',
  'start',
  'kill',
  'die',
  'rename',
  'destroy',
  'health_status',
] as const;
export type ContainerAction = (typeof CONTAINER_ACTIONS)[number];

export type EngineEvent =
  /** First of all, and after every gap: what was known of Docker may be outdated. */
  | { readonly type: 'resync' }
  | {
      readonly type: 'network';
      readonly action: NetworkAction;
      readonly networkId: string;
      readonly name: string;
      readonly driver: string;
      /** Of connect and disconnect. */
      readonly containerId?: string;
    }
  | {
      readonly type: 'container';
      readonly action: ContainerAction;
      readonly containerId: string;
      readonly name: string;
      /** The swarm's service whose task the container is. */
      readonly service?: string;
      /** Of kill. */
      readonly signal?: number;
    };

export type EngineState =
  | { readonly connected: true; readonly version: string }
  | { readonly connected: false; readonly reason: string };

export interface Engine {
  /** For `xnet status`: as the last call or the event stream found it. */
  readonly state: EngineState;
  /** All of them, of whatever driver. */
  listNetworks(): Promise<DockerNetwork[]>;
  /** Resolves to the id. Docker calls xnet meanwhile. */
  createNetwork(spec: DockerNetworkSpec): Promise<string>;
  /** Absent is success. Throws IN_USE when a container is attached. */
  removeNetwork(networkId: string): Promise<void>;
  /**
   * Gives a container that does not run another Docker network in the place of the one it has by that name, with all that
   * it was to have there (aliases, addresses), but for its MAC address. One that is gone, or names that very network already, is left as it is.
   */
  reconnectContainer(containerId: string, network: Pick<DockerNetwork, 'id' | 'name'>): Promise<void>;
  /** Those that do not run too, when `all`. Takes no container's lock. */
  listContainers(options?: { networkId?: string; all?: boolean }): Promise<DockerContainer[]>;
  /**
   * The container with this endpoint, with its labels; undefined: there is none. Takes no container's lock, so it may be asked while one
   * is being started.
   */
  findContainerOf(
    networkId: string,
    endpointId: string,
  ): Promise<(DockerContainer & Pick<InspectedContainer, 'labels'>) | undefined>;
  /** Undefined: there is none. Waits while the container is being started: it has a lock. */
  inspectContainer(containerId: string): Promise<InspectedContainer | undefined>;
  /** Ends when `signal` aborts; survives Docker's absence and restarts, and never throws. An event may come twice. */
  watchEvents(signal: AbortSignal): AsyncIterable<EngineEvent>;
}
