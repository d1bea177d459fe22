/** Swarm mode in a lab: hosts as managers and workers. Without jest, which `test/chaos/run` has not. */
import assert from 'node:assert/strict';
import { eventually } from '../time/eventually.js';
import type { Lab } from './lab.js';
import { PLUGIN } from './plugin-name.js';

/** What a service's tasks may take: images are there, but containers start slowly on a machine that others load. */
export const TASKS_MS = 60_000;

/** Makes all hosts nodes of one swarm, the first `managers` of them managers; resolves when all are ready. */
export async function formSwarm(lab: Lab, managers: number): Promise<void> {
  const [first = '', ...others] = lab.hosts;
  const address = await lab.ip(first);
  await lab.docker(first, 'swarm', 'init', '--advertise-addr', address);
  for (const [index, host] of others.entries()) {
    const role = index + 1 < managers ? 'manager' : 'worker';
    const token = await lab.docker(first, 'swarm', 'join-token', '-q', role);
    const options = ['--token', token, '--advertise-addr', await lab.ip(host)];
    await lab.docker(host, 'swarm', 'join', ...options, `${address}:2377`);
  }
  await nodesReady(lab, lab.hosts);
  await eventually(() => Promise.all(lab.hosts.map((host) => ingressReady(lab, host))), TASKS_MS);
}

/** Each node gets the swarm's ingress network behind its readiness, with a link that is no leak of later. */
async function ingressReady(lab: Lab, host: string): Promise<void> {
  const names = ['network', 'inspect', 'docker_gwbridge', '-f', '{{range .Containers}}{{.Name}} {{end}}'];
  const containers = await lab.docker(host, ...names);
  assert.match(containers, /ingress-sbox/);
}

/** Resolves when these nodes, and no others, are ready, and swarm knows that they have the plugin. */
export async function nodesReady(lab: Lab, hosts: readonly string[]): Promise<void> {
  await eventually(async () => {
    const manager = await findManager(lab);
    const nodes = await lines(lab.docker(manager, 'node', 'ls', '--format', '{{.Hostname}} {{.Status}}'));
    const ready = nodes.filter((node) => node.endsWith(' Ready')).map((node) => node.split(' ')[0]);
    assert.deepEqual(ready.sort(), [...hosts].sort());
    if (!lab.options.plugin) return;
    const plugins = '{{range .Description.Engine.Plugins}}{{.Name}} {{end}}';
    for (const host of hosts) {
      const known = await lab.docker(manager, 'node', 'inspect', '-f', plugins, host);
      assert(known.split(' ').includes(PLUGIN), `${host} has ${known}`);
    }
  }, TASKS_MS);
}

/** A host that answers as a manager. */
export async function findManager(lab: Lab): Promise<string> {
  for (const host of lab.hosts) {
    const answers = await lab.docker(host, 'node', 'ls', '-q').then(
      () => true,
      () => false,
    );
    if (answers) return host;
  }
  throw new Error('no host answers as a manager of the swarm');
}

/** Removes all services and stacks, and then the swarm's networks but its own; nothing of a lab without swarm. */
export async function clearSwarm(lab: Lab): Promise<void> {
  if (!lab.options.swarm) return;
  const manager = await findManager(lab);
  const services = await lines(lab.docker(manager, 'service', 'ls', '-q'));
  if (services.length > 0) await lab.docker(manager, 'service', 'rm', ...services);
  await Promise.all(lab.hosts.map((host) => removeAllContainers(lab, host)));
  const list = ['network', 'ls', '--filter', 'scope=swarm', '--format', '{{.Name}}'];
  const networks = (await lines(lab.docker(manager, ...list))).filter((name) => name !== 'ingress');
  // Refused until the manager has heard of the end of all tasks.
  for (const name of networks) await eventually(() => lab.docker(manager, 'network', 'rm', name), TASKS_MS);
  await eventually(async () => {
    for (const host of lab.hosts) {
      const left = await lines(lab.docker(host, ...list));
      assert.deepEqual({ host, left: left.filter((name) => name !== 'ingress') }, { host, left: [] });
    }
  }, TASKS_MS);
}

/** Also those that swarm removes at the same moment. */
async function removeAllContainers(lab: Lab, host: string): Promise<void> {
  await eventually(async () => {
    const containers = await lines(lab.docker(host, 'ps', '-aq'));
    if (containers.length > 0) await lab.docker(host, 'rm', '-f', ...containers);
    assert.equal(await lab.docker(host, 'ps', '-aq'), '');
  }, TASKS_MS);
}

export async function lines(output: Promise<string>): Promise<string[]> {
  return (await output).split('\n').filter((line) => line !== '');
}
