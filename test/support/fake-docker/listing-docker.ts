import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestDaemon } from '../daemon/daemon.js';

/** Stands in for a Docker that says what networks it has, and tells of new ones. */
export class ListingDocker implements AsyncDisposable {
  readonly #networks: { Id: string; Name: string; Driver: string }[] = [];
  readonly #listeners = new Set<ServerResponse>();
  readonly #server = createServer((request, response) => this.#answer(request.url ?? '', response));

  private constructor(private readonly directory: string) {}

  static async start(): Promise<ListingDocker> {
    const docker = new ListingDocker(await mkdtemp(join(tmpdir(), 'xnet-docker-')));
    await new Promise<void>((resolve) => docker.#server.listen(join(docker.directory, 'sock'), resolve));
    return docker;
  }

  /** For a daemon that asks this Docker. */
  get arguments(): string[] {
    return ['--docker-host', `unix://${this.directory}/sock`];
  }

  /** Such a one. */
  startDaemon(): Promise<TestDaemon> {
    return TestDaemon.start(this.arguments);
  }

  /** A network of another driver, with xnet's IPAM. */
  addMacvlan(subnet: string): void {
    const ipam = { Driver: 'xnet', Options: {}, Config: [{ Subnet: subnet }] };
    const network = { Id: 'd'.repeat(64), Name: 'lan', Driver: 'macvlan', Scope: 'local', IPAM: ipam };
    this.#networks.push(network);
    const Actor = { ID: network.Id, Attributes: { name: 'lan', type: 'macvlan' } };
    const event = `${JSON.stringify({ Type: 'network', Action: 'create', Actor })}\n`;
    for (const response of this.#listeners) response.write(event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await rm(this.directory, { recursive: true });
  }

  #answer(url: string, response: ServerResponse): void {
    response.setHeader('Content-Type', 'application/json');
    if (url.includes('/events')) {
      response.write('\n');
      this.#listeners.add(response);
    } else if (url.includes('/version')) response.end('{"Version":"stand-in","ApiVersion":"1.51"}');
    else if (url.includes('/networks')) response.end(JSON.stringify(this.#networks));
    else response.end('[]');
  }
}
