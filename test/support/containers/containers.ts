/** Containers and networks in a lab, as a user makes them, and what goes between them. */
import { randomBytes } from 'node:crypto';
import type { ContainerInspectInfo } from 'dockerode';
import type { Lab } from '../lab/lab.js';
import { CommandError } from '../programs/command.js';
import { eventually } from '../time/eventually.js';

/** Port, TCP and UDP, on which every container of these tests answers with its name. */
export const GREETING_PORT = 7;

/** Makes the network `name` on the hosts: one network of the cluster (xnet.name), with xnet's IPAM. */
export async function createSharedNetwork(
  lab: Lab,
  name: string,
  options: readonly string[] = [],
  hosts: readonly string[] = lab.hosts,
): Promise<void> {
  const shared = [...CREATE, '--ipam-opt', `xnet.name=${name}`, '-o', `xnet.name=${name}`];
  for (const host of hosts) await lab.docker(host, ...shared, ...options, name);
}

/** Makes the network `name` on h1, as a user does, and resolves when all hosts have it. */
export async function createMirroredNetwork(
  lab: Lab,
  name: string,
  options: readonly string[] = [],
): Promise<void> {
  await lab.docker('h1', ...CREATE, ...options, name);
  await isEverywhere(lab, name);
}

/** The same without xnet's IPAM: Docker's own serves `host`. */
export async function createPlainNetwork(
  lab: Lab,
  name: string,
  options: readonly string[] = [],
  host = 'h1',
): Promise<void> {
  // Before 28, Docker chooses a subnet without a word to xnet, which may just be starting.
  await isEverywhere(lab, 'docker_gwbridge');
  await lab.docker(host, 'network', 'create', '-d', 'xnet', ...options, name);
  await isEverywhere(lab, name);
}

/** Resolves when every host's Docker has it. */
export async function isEverywhere(lab: Lab, name: string): Promise<void> {
  const isThere = (host: string) =>
    succeeds(lab.engine(host, `network inspect ${name}`, (engine) => engine.getNetwork(name).inspect()));
  for (const host of lab.hosts) await eventually(`network ${name} is on ${host}`, () => isThere(host));
}

/** `docker network create` with xnet as driver and IPAM driver, up to the options and the network's name. */
export const CREATE = ['network', 'create', '-d', 'xnet', '--ipam-driver', 'xnet'];

export interface ContainerOptions {
  readonly name?: string;
  /** More arguments of `docker run`. */
  readonly options?: readonly string[];
  /** Default: a server that greets with the container's name. */
  readonly command?: readonly string[];
}

/** A container of the image `tools` that runs. */
export class Container {
  constructor(
    readonly lab: Lab,
    readonly host: string,
    readonly name: string,
    readonly network: string,
  ) {}

  /** By docker exec: with the rights that a process of the container has. */
  exec(...command: string[]): Promise<string> {
    return this.lab.docker(this.host, 'exec', this.name, ...command);
  }

  /**
   * In its namespaces, with all rights, and without the programs that docker exec needs: for what says by packets and answers how
   * the network is.
   */
  async enter(...command: string[]): Promise<string> {
    const { State } = await this.look();
    if (!State.Running)
      throw new CommandError(['docker', 'exec', this.name], 1, `${this.name} is not running`);
    const entry = `nsenter -t ${State.Pid} -m -u -i -n -p -r -w`.split(' ');
    return this.lab.in(this.host, ...entry, ...command);
  }

  /** All that Docker says of it. */
  look(): Promise<ContainerInspectInfo> {
    return this.lab.engine(this.host, `inspect ${this.name}`, (engine) =>
      engine.getContainer(this.name).inspect(),
    );
  }

  /** A field of `docker inspect`, by its Go template. */
  inspect(template: string): Promise<string> {
    return this.lab.docker(this.host, 'inspect', '-f', template, this.name);
  }

  /** The IPv4 address in the network it was started in, or in another. */
  async address(network = this.network): Promise<string> {
    return (await this.#endpoint(network)).IPAddress;
  }

  async address6(network = this.network): Promise<string> {
    return (await this.#endpoint(network)).GlobalIPv6Address;
  }

  async #endpoint(network: string) {
    const endpoint = (await this.look()).NetworkSettings.Networks[network];
    if (!endpoint) throw new Error(`${this.name} is not in network ${network}`);
    return endpoint;
  }

  /** What `dig +short` prints, a line each. */
  async dig(...args: string[]): Promise<string[]> {
    const output = await this.enter('dig', '+short', '+tries=1', '+time=5', ...args);
    return output.split('\n').filter((line) => line !== '');
  }

  /** Whether one of the pings sent for 5 s is answered; resolves at the first answer. */
  reaches(address: string, ...options: string[]): Promise<boolean> {
    return succeeds(this.enter('ping', '-c', '1', '-i', '0.2', '-w', '5', ...options, address));
  }

  /** Who answers there over TCP, asked up to three times; throws when nobody does. */
  greetOverTcp(address: string, port = GREETING_PORT): Promise<string> {
    const options = 'connect-timeout=3,retry=2,interval=0.5';
    return this.enter('socat', '-T', '5', '-u', `TCP:${bracketed(address)}:${port},${options}`, '-');
  }

  /** Who answers there over UDP, asked up to five times; empty when nobody does. */
  greetOverUdp(address: string, port = GREETING_PORT): Promise<string> {
    const ask = `echo hello | socat -t 1 - UDP:${bracketed(address)}:${port},shut-none`;
    return this.enter('sh', '-c', `for try in 1 2 3 4 5; do ${ask} | grep . && exit; done; true`);
  }
}

/** Starts a container on `host` in `network`; resolves when its server listens. */
export async function runContainer(
  lab: Lab,
  host: string,
  network: string,
  { name, options = [], command }: ContainerOptions = {},
): Promise<Container> {
  const container = new Container(lab, host, name ?? `c-${randomBytes(3).toString('hex')}`, network);
  const runs = command ?? ['sh', '-c', greetingServer(container.name)];
  await lab.docker(
    host,
    ...['run', '-d', '--name', container.name, '--network', network, '--stop-signal', 'KILL'],
    ...[...options, 'tools', ...runs],
  );
  if (!command)
    await container.enter('sh', '-c', 'until ss -Hltun | grep -c :7 | grep -q 2; do sleep 0.02; done');
  return container;
}

/** A script that greets with what the shell makes of `name`. */
export function greetingServer(name: string): string {
  return `exec greeter ${GREETING_PORT} "${name}"`;
}

/** False when the command failed. */
export async function succeeds(command: Promise<unknown>): Promise<boolean> {
  return command.then(
    () => true,
    (error: unknown) => {
      if (error instanceof CommandError) return false;
      throw error;
    },
  );
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
