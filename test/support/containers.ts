/** Containers and networks in a lab, as a user makes them, and what goes between them. */
import { randomBytes } from 'node:crypto';
import { CommandError } from './command.js';
import type { Lab } from './lab.js';
import { eventually } from './netns.js';

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
  await lab.docker(host, 'network', 'create', '-d', 'xnet', ...options, name);
  await isEverywhere(lab, name);
}

async function isEverywhere(lab: Lab, name: string): Promise<void> {
  const isThere = (host: string) => succeeds(lab.docker(host, 'network', 'inspect', name));
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

  exec(...command: string[]): Promise<string> {
    return this.lab.docker(this.host, 'exec', this.name, ...command);
  }

  /** A field of `docker inspect`, by its Go template. */
  inspect(template: string): Promise<string> {
    return this.lab.docker(this.host, 'inspect', '-f', template, this.name);
  }

  /** The IPv4 address in the network it was started in, or in another. */
  address(network = this.network): Promise<string> {
    return this.inspect(`{{(index .NetworkSettings.Networks "${network}").IPAddress}}`);
  }

  address6(network = this.network): Promise<string> {
    return this.inspect(`{{(index .NetworkSettings.Networks "${network}").GlobalIPv6Address}}`);
  }

  /** What `dig +short` prints, a line each. */
  async dig(...args: string[]): Promise<string[]> {
    const output = await this.exec('dig', '+short', '+tries=1', '+time=5', ...args);
    return output.split('\n').filter((line) => line !== '');
  }

  /** Whether one of three pings is answered. */
  reaches(address: string, ...options: string[]): Promise<boolean> {
    return succeeds(this.exec('ping', '-c', '3', '-i', '0.2', '-W', '1', '-w', '3', ...options, address));
  }

  /** Who answers there over TCP; throws when nobody does. */
  greetOverTcp(address: string, port = GREETING_PORT): Promise<string> {
    return this.exec('socat', '-T', '3', '-u', `TCP:${bracketed(address)}:${port},connect-timeout=3`, '-');
  }

  /** Who answers there over UDP; empty when nobody does. */
  greetOverUdp(address: string, port = GREETING_PORT): Promise<string> {
    return this.exec('sh', '-c', `echo hello | socat -t 1 - UDP:${bracketed(address)}:${port},shut-none`);
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
    await container.exec('sh', '-c', 'until ss -Hltun | grep -c :7 | grep -q 2; do sleep 0.02; done');
  return container;
}

function greetingServer(name: string): string {
  const options = `${GREETING_PORT},ipv6only=0,reuseaddr,fork`;
  const tcp = `socat TCP6-LISTEN:${options} EXEC:"echo ${name}"`;
  // Reads the datagram first: socat drops the answer of a program that has ended before it got its input.
  const udp = `socat UDP6-RECVFROM:${options} SYSTEM:"read line; echo ${name}"`;
  return `${tcp} & exec ${udp}`;
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
