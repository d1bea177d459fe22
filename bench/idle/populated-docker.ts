/** Stands in for a Docker that has the networks and running containers that it is given, and in which nothing happens. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface Network {
  readonly name: string;
  readonly id: string;
  readonly subnet: string;
}

export interface Container {
  readonly name: string;
  readonly id: string;
  readonly network: Network;
  readonly endpointId: string;
  readonly address: string;
  readonly sandboxPath: string;
}

/** Without it xnet would try to create it, again and again. */
const GATEWAY_BRIDGE = {
  ...{ Id: 'f'.repeat(64), Name: 'docker_gwbridge', Scope: 'local', Driver: 'bridge', Options: {} },
  IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '172.31.0.0/16' }] },
};

export class PopulatedDocker implements AsyncDisposable {
  readonly networks: Network[] = [];
  readonly containers: Container[] = [];
  readonly #server = createServer((request, response) => this.#answer(request, response));

  async listen(path: string): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(path, resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer({ url = '' }: IncomingMessage, response: ServerResponse): void {
    const path = url.replace(/\?.*/, '');
    response.setHeader('Content-Type', 'application/json');
    if (path === '/events') return void response.write('\n');
    response.end(JSON.stringify(this.#replyTo(path)));
  }

  #replyTo(path: string): unknown {
    if (path === '/version') return { Version: '28.5.0', ApiVersion: '1.51' };
    if (path === '/networks') return [GATEWAY_BRIDGE, ...this.networks.map(shownNetwork)];
    if (path === '/containers/json') return this.containers.map(listed);
    const [, id] = /^\/containers\/(\w+)\/json$/.exec(path) ?? [];
    const container = this.containers.find((each) => each.id === id);
    return container ? inspected(container) : 'OK';
  }
}

function shownNetwork({ id, name, subnet }: Network) {
  const ipam = { Driver: 'xnet', Options: { 'xnet.name': name }, Config: [{ Subnet: subnet }] };
  return { Id: id, Name: name, Scope: 'local', Driver: 'xnet', Options: { 'xnet.name': name }, IPAM: ipam };
}

function listed({ id, name, network, endpointId, address }: Container) {
  const endpoint = { NetworkID: network.id, EndpointID: endpointId, IPAddress: address, DNSNames: [name] };
  return { Id: id, Names: [`/${name}`], NetworkSettings: { Networks: { [network.name]: endpoint } } };
}

function inspected(container: Container) {
  const { NetworkSettings } = listed(container);
  return {
    ...{ Id: container.id, Name: `/${container.name}`, Config: { Hostname: container.id.slice(0, 12) } },
    NetworkSettings: { ...NetworkSettings, SandboxKey: container.sandboxPath },
    State: { Running: true },
  };
}
