/**
 * Stands in for the Docker of a host that has all networks of the cluster: it lists them and the host's containers, and
 * reports containers that start. It makes and removes nothing.
 */
import { createServer, type ServerResponse } from 'node:http';
import { databaseOf, type PlannedHost, type PlannedNetwork } from '../cluster/records.js';

export interface RigContainer {
  readonly id: string;
  readonly name: string;
  readonly network: PlannedNetwork;
  readonly endpointId: string;
  readonly address: string;
  readonly sandboxPath: string;
}

export class RigDocker implements AsyncDisposable {
  readonly #containers = new Map<string, RigContainer>();
  readonly #listeners = new Set<ServerResponse>();
  readonly #networks: string;
  readonly #server = createServer((request, response) => this.#answer(request.url ?? '', response));

  private constructor(
    readonly path: string,
    private readonly host: PlannedHost,
    networks: readonly PlannedNetwork[],
  ) {
    this.#networks = JSON.stringify([
      ...ownNetworks(host),
      ...networks.map((each) => networkReply(each, host)),
    ]);
  }

  /** Listens at the socket `path`. */
  static async start(
    path: string,
    host: PlannedHost,
    networks: readonly PlannedNetwork[],
  ): Promise<RigDocker> {
    const docker = new RigDocker(path, host, networks);
    await new Promise<void>((resolve) => docker.#server.listen(path, resolve));
    return docker;
  }

  /** It has it from now on; `report` says that it runs. */
  add(container: RigContainer): void {
    this.#containers.set(container.id, container);
  }

  report({ id: ID, name }: RigContainer): void {
    const event = `${JSON.stringify({ Type: 'container', Action: 'start', Actor: { ID, Attributes: { name } } })}\n`;
    for (const response of this.#listeners) response.write(event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(url: string, response: ServerResponse): void {
    response.setHeader('Content-Type', 'application/json');
    const id = /\/containers\/([0-9a-f]{64})\/json/.exec(url)?.[1];
    const container = id === undefined ? undefined : this.#containers.get(id);
    if (url.includes('/events')) {
      response.write('\n');
      this.#listeners.add(response);
      response.on('close', () => this.#listeners.delete(response));
    } else if (url.includes('/version')) response.end('{"Version":"stand-in","ApiVersion":"1.51"}');
    else if (url.includes('/networks')) response.end(this.#networks);
    else if (container) response.end(JSON.stringify(inspectReply(container, this.host)));
    else if (url.includes('/containers/json'))
      response.end(JSON.stringify([...this.#containers.values()].map((each) => listReply(each, this.host))));
    else if (url.includes('/_ping')) response.end('"OK"');
    else response.writeHead(404).end('{"message":"no such container"}');
  }
}

/** Those that Docker has of its own accord. */
function ownNetworks(host: PlannedHost): object[] {
  const IPAM = { Driver: 'default', Options: {}, Config: [{ Subnet: '172.18.0.0/16' }] };
  const common = { Scope: 'local', Internal: false, Attachable: false, EnableIPv6: false, Labels: {} };
  return [
    {
      ...common,
      Id: databaseOf(host),
      Name: 'host',
      Driver: 'host',
      IPAM: { ...IPAM, Config: [] },
      Options: {},
    },
    { ...common, Id: 'b'.repeat(64), Name: 'docker_gwbridge', Driver: 'bridge', IPAM, Options: {} },
  ];
}

function networkReply(network: PlannedNetwork, host: PlannedHost): object {
  const Options = { 'xnet.id': network.id };
  return {
    ...{ Id: network.dockerIdOf(host), Name: network.name, Driver: 'xnet', Scope: 'local', Options },
    ...{ Internal: false, Attachable: false, EnableIPv6: false, Labels: {} },
    IPAM: { Driver: 'xnet', Options, Config: [{ Subnet: network.subnet }] },
  };
}

function listReply(container: RigContainer, host: PlannedHost): object {
  const { id: Id, name } = container;
  return { Id, Names: [`/${name}`], Status: 'Up', Labels: {}, NetworkSettings: networksOf(container, host) };
}

function inspectReply(container: RigContainer, host: PlannedHost): object {
  const { id: Id, name, sandboxPath: SandboxKey } = container;
  const Config = { Hostname: Id.slice(0, 12), Labels: {}, ExposedPorts: {} };
  const NetworkSettings = { ...networksOf(container, host), SandboxKey };
  return { Id, Name: `/${name}`, Config, State: { Running: true }, NetworkSettings };
}

function networksOf({ network, endpointId, address }: RigContainer, host: PlannedHost): { Networks: object } {
  const place = { NetworkID: network.dockerIdOf(host), EndpointID: endpointId, IPAddress: address };
  return { Networks: { [network.name]: { ...place, Gateway: '', DNSNames: [] } } };
}
