/** Docker networks of a lab, as a user sees them, and what `xnet status` says. */
import { expect } from '@jest/globals';
import type { Lab } from '../lab/lab.js';
import { eventually } from '../time/eventually.js';
import { CREATE, runContainer } from './containers.js';

/** `docker network create` with xnet as driver and IPAM driver: the Docker network's id. */
export function createNetwork(lab: Lab, host: string, name: string, ...options: string[]): Promise<string> {
  return lab.docker(host, ...CREATE, ...options, name);
}

/** The same; resolves when the network is on every host. */
export async function createEverywhere(
  lab: Lab,
  host: string,
  name: string,
  ...options: string[]
): Promise<string> {
  const id = await createNetwork(lab, host, name, ...options);
  await eventually(async () => {
    for (const each of lab.hosts) expect(await listNetworks(lab, each)).toContain(name);
  });
  return id;
}

/** Resolves when the network of that name has the subnet on every host. */
export async function expectSubnetEverywhere(lab: Lab, name: string, subnet: string): Promise<void> {
  await eventually(async () => {
    for (const host of lab.hosts) {
      const { IPAM } = await inspectNetwork(lab, host, name);
      expect(IPAM.Config[0]?.Subnet).toBe(subnet);
    }
  });
}

/** Names of the host's networks of xnet, sorted. */
export async function listNetworks(lab: Lab, host: string): Promise<string[]> {
  const names = await lab.docker(host, 'network', 'ls', '-f', 'driver=xnet', '--format', '{{.Name}}');
  return names
    .split('\n')
    .filter((name) => name !== '')
    .sort();
}

/** Resolves when the hosts have these networks of xnet and no other. */
export async function expectEverywhere(
  lab: Lab,
  names: readonly string[],
  hosts: readonly string[] = lab.hosts,
): Promise<void> {
  await eventually(async () => {
    const lists = await Promise.all(hosts.map((host) => listNetworks(lab, host)));
    for (const list of lists) expect(list).toEqual([...names].sort());
  });
}

export interface NetworkInspection {
  readonly Id: string;
  readonly Driver: string;
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly EnableIPv6: boolean;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Options: Readonly<Record<string, string>>;
  readonly IPAM: { readonly Driver: string; readonly Config: readonly { readonly Subnet: string }[] };
}

/** `docker network inspect`. */
export async function inspectNetwork(lab: Lab, host: string, name: string): Promise<NetworkInspection> {
  const [inspection] = JSON.parse(await lab.docker(host, 'network', 'inspect', name)) as NetworkInspection[];
  return inspection as NetworkInspection;
}

/** The first one that a Docker network has. */
export function subnetOf(lab: Lab, host: string, network: string): Promise<string> {
  return lab.docker(host, 'network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', network);
}

/** What the copies have in common with the network that a user created: all but ids. */
export async function describeNetwork(lab: Lab, host: string, name: string) {
  const { Id: _, Options, IPAM, ...rest } = await inspectNetwork(lab, host, name);
  const { Driver, Internal, Attachable, EnableIPv6, Labels } = rest;
  const { 'xnet.id': _id, ...options } = Options;
  const ipam = { driver: IPAM.Driver, config: IPAM.Config };
  return { Driver, Internal, Attachable, EnableIPv6, Labels, options, ipam };
}

/** Starts a container on each of two hosts: each reaches the other over the network. */
export async function expectTraffic(lab: Lab, name: string, hosts: readonly [string, string]): Promise<void> {
  const [one, two] = await Promise.all([
    runContainer(lab, hosts[0], name),
    runContainer(lab, hosts[1], name),
  ]);
  expect(await one.greetOverTcp(await two.address())).toBe(two.name);
  expect(await two.greetOverTcp(await one.address())).toBe(one.name);
}

/** What `xnet status` shows, whatever its exit code. */
export function statusOf(lab: Lab, host: string): Promise<string> {
  return lab.in(host, 'sh', '-c', 'xnet status || true');
}

/** Resolves when `xnet status` on the host names a problem that matches, and ends with 1. */
export async function expectProblem(
  lab: Lab,
  host: string,
  problem: RegExp,
  withinMs?: number,
): Promise<void> {
  const says = new RegExp(`ended with 1:.*PROBLEM [^\n]*${problem.source}`, 's');
  await eventually(() => expect(lab.in(host, 'xnet', 'status')).rejects.toThrow(says), withinMs);
}

/** Resolves when no problem that `xnet status` on the host names is another than that the peer is silent. */
export async function expectNoProblemButSilence(lab: Lab, host: string, peer: string): Promise<void> {
  await eventually(async () => {
    const status = await lab.in(host, 'sh', '-c', 'xnet status || test $? -eq 1');
    const problems = status.split('\n').filter((line) => line.startsWith('PROBLEM'));
    expect(
      problems.filter((line) => !line.includes(`host ${peer} `) || !line.includes(' is silent ')),
    ).toEqual([]);
  });
}

/** Resolves when `xnet status` on the host names no problem. */
export async function expectNoProblem(lab: Lab, host: string): Promise<void> {
  await eventually(() => lab.in(host, 'xnet', 'status'));
}
