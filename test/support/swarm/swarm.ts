/** Swarm mode in a lab: services, and their tasks as containers. */
import { expect } from '@jest/globals';
import { Container, greetingServer } from '../containers/containers.js';
import type { Lab, LabOptions } from '../lab/lab.js';
import { CREATE_WITH_PLUGIN } from '../lab/plugin.js';
import { findManager, lines, TASKS_MS } from '../lab/swarm-nodes.js';
import { eventually } from '../time/eventually.js';

/** Versions of a swarm's other nodes, as while a cluster is upgraded. */
export const OLDER_NODES: LabOptions['engines'] = { h2: '26', h3: '20.10' };

/** A lab of three nodes, with networks whose addresses swarm's managers give out. */
export function globalSwarm(managers: number, engines: LabOptions['engines'] = {}): LabOptions {
  return { hosts: 3, engines, plugin: true, swarm: { managers }, settings: { XNET_SCOPE: 'global' } };
}

/** Resolves when swarm has given the node up, so that others get its tasks: 40 s after the loss of the leader. */
export async function nodeIsDown(lab: Lab, host: string): Promise<void> {
  await eventually(async () => {
    const status = ['node', 'inspect', '-f', '{{.Status.State}}', host];
    expect(await lab.docker(await findManager(lab), ...status)).toBe('down');
  }, 2 * TASKS_MS);
}

export interface ServiceOptions {
  /** Default 1. */
  readonly replicas?: number;
  readonly network: string;
  /** More arguments of `docker service create`. */
  readonly options?: readonly string[];
  /** Default: a server that greets with the task's name. */
  readonly command?: readonly string[];
}

/** `docker service create` of the image `tools`. Resolves before tasks run: see `runningTasks`. */
export async function createService(lab: Lab, name: string, service: ServiceOptions): Promise<void> {
  const { replicas = 1, network, options = [], command } = service;
  const runs = command ?? ['sh', '-c', greetingServer('$TASK')];
  await lab.docker(
    await findManager(lab),
    ...['service', 'create', '--detach', '--quiet', '--no-resolve-image', '--name', name],
    ...['--replicas', `${replicas}`, '--network', network, '--stop-signal', 'KILL'],
    ...['--env', 'TASK={{.Task.Name}}', ...options, 'tools', ...runs],
  );
}

/**
 * The tasks that shall run and do, as containers of the hosts they are on, in the order of their slots; resolves when
 * there are `count`. With a health check a task runs when it is healthy, and is starting until then.
 */
export async function runningTasks(
  lab: Lab,
  service: string,
  network: string,
  count: number,
  state: 'Running' | 'Starting' = 'Running',
  timeoutMs = TASKS_MS,
): Promise<Container[]> {
  const format = '{{.Name}}.{{.ID}} {{.Node}} {{.CurrentState}}';
  const options = ['--no-trunc', '--filter', 'desired-state=running', '--format', format];
  let tasks: Container[] = [];
  await eventually(async () => {
    const manager = await findManager(lab);
    const known = await lines(lab.docker(manager, 'service', 'ps', ...options, service));
    const running = known.map((line) => line.split(' ')).filter((words) => words[2] === state);
    tasks = running.map(([name = '', host = '']) => new Container(lab, host, name, network)).sort(bySlot);
    expect(known).toHaveLength(count);
    expect(tasks).toHaveLength(count);
  }, timeoutMs);
  return tasks;
}

/** `docker stack deploy` of a Compose file, given as what its YAML says. Resolves before tasks run. */
export async function deployStack(lab: Lab, name: string, file: object): Promise<void> {
  const deploy = 'printf %s "$1" | docker stack deploy --resolve-image never -c - "$2"';
  await lab.in(await findManager(lab), 'sh', '-c', deploy, 'sh', JSON.stringify(file), name);
}

/** `docker network create` of a network of global scope, on a manager. */
export async function createOnSwarm(lab: Lab, name: string, ...options: string[]): Promise<void> {
  await lab.docker(await findManager(lab), ...CREATE_WITH_PLUGIN, '--attachable', ...options, name);
}

/** Puts new tasks in the place of all, some at a time; resolves when swarm says that it is done. */
export async function updateService(lab: Lab, service: string, parallelism: number): Promise<void> {
  const update = ['service', 'update', '--force', '--detach', '--quiet', '--no-resolve-image'];
  const pace = ['--update-parallelism', `${parallelism}`, '--update-delay', '0s', '--update-monitor', '0s'];
  await lab.docker(await findManager(lab), ...update, ...pace, service);
  await eventually(async () => {
    const state = ['service', 'inspect', '-f', '{{.UpdateStatus.State}}', service];
    expect(await lab.docker(await findManager(lab), ...state)).toBe('completed');
  }, 2 * TASKS_MS);
}

/** The IPv4 addresses of containers, sorted. */
export async function addressesOf(containers: readonly Container[]): Promise<string[]> {
  return (await Promise.all(containers.map((each) => each.address()))).sort();
}

function bySlot({ name }: Container, other: Container): number {
  return name.localeCompare(other.name, 'en', { numeric: true });
}
