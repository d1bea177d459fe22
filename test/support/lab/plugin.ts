/** xnet as a managed plugin, as the user of a host handles it. */
import { expect } from '@jest/globals';
import { eventually } from '../time/eventually.js';
import type { Lab } from './lab.js';
import { PLUGIN } from './plugin-name.js';

/** In the lab's registry. */
export const REFERENCE = '127.0.0.1:5000/xnet:1';

/** `docker network create` with the plugin as driver and IPAM driver. */
export const CREATE_WITH_PLUGIN = ['network', 'create', '-d', PLUGIN, '--ipam-driver', PLUGIN];

interface Status {
  readonly version: string;
  readonly problems: readonly string[];
  readonly names: { readonly sandboxes: number };
  readonly networks: readonly { readonly name?: string; readonly endpoints: readonly unknown[] }[];
}

/** Makes the network on h1; resolves when all hosts have it. */
export async function createWithPlugin(lab: Lab, name: string, ...options: string[]): Promise<void> {
  await lab.docker('h1', ...CREATE_WITH_PLUGIN, ...options, name);
  for (const host of lab.hosts) await eventually(() => lab.docker(host, 'network', 'inspect', name));
}

/** Without any program of xnet's on the host. */
export async function pluginStatus(lab: Lab, host: string): Promise<Status> {
  const url = ['--unix-socket', '/run/xnet/admin.sock', 'http://xnet/v1/status'];
  return JSON.parse(await lab.in(host, 'curl', '-sS', '-m', '10', ...url));
}

/** Resolves when the plugin serves this many containers, and has no problem; throws after `withinMs`. */
export async function expectAdopted(
  lab: Lab,
  host: string,
  containers: number,
  withinMs?: number,
): Promise<void> {
  await eventually(async () => {
    const { problems, names, networks } = await pluginStatus(lab, host);
    const endpoints = networks.flatMap((network) => network.endpoints).length;
    expect({ problems, endpoints, sandboxes: names.sandboxes }).toEqual({
      problems: [],
      endpoints: containers,
      sandboxes: containers,
    });
  }, withinMs);
}

export function disablePlugin(lab: Lab, host: string): Promise<string> {
  return lab.docker(host, 'plugin', 'disable', '-f', PLUGIN);
}

/** Resolves to how long it took, in ms. */
export async function enablePlugin(lab: Lab, host: string): Promise<number> {
  const startedMs = performance.now();
  await lab.docker(host, 'plugin', 'enable', PLUGIN);
  return performance.now() - startedMs;
}

/** Each as NAME=VALUE, while it is disabled; an empty value is the default. */
export function setPlugin(lab: Lab, host: string, ...settings: string[]): Promise<string> {
  return lab.docker(host, 'plugin', 'set', PLUGIN, ...settings);
}

/** To another version that the lab's registry has, as docs/plugin.md says. */
export async function upgradePlugin(lab: Lab, host: string, version: number): Promise<void> {
  await disablePlugin(lab, host);
  const options = ['--grant-all-permissions', '--skip-remote-check'];
  await lab.docker(host, 'plugin', 'upgrade', ...options, PLUGIN, `127.0.0.1:5000/xnet:${version}`);
  await enablePlugin(lab, host);
}

/** The daemon alone: its keeper, the first process of the plugin, starts another. */
export function killPluginsDaemon(lab: Lab, host: string): Promise<string> {
  return lab.in(host, 'pkill', '-KILL', '-f', 'bin/xnet daemon');
}

/** All of the plugin's processes, behind dockerd's back. */
export async function killPluginsTask(lab: Lab, host: string): Promise<void> {
  const id = await lab.docker(host, 'plugin', 'inspect', '-f', '{{.ID}}', PLUGIN);
  const containerd = ['--address', '/run/docker/containerd/containerd.sock', '--namespace', 'plugins.moby'];
  await lab.in(host, 'ctr', ...containerd, 'tasks', 'kill', '--signal', 'SIGKILL', id);
}
