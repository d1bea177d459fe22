/** Swarm's node-local form: XNET_SCOPE=local, `--scope swarm`, and every node's network made from one of its own. */
import { expect } from '@jest/globals';
import { runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { PLUGIN } from '../support/lab/plugin-name.js';
import { addressesOf, createService, runningTasks } from '../support/swarm/swarm.js';
import { allFind, allGreet } from '../support/swarm/swarm-reach.js';

/** As docs/swarm.md says. */
async function createNodeLocal(lab: Lab, name: string, ...options: string[]): Promise<void> {
  const config = ['network', 'create', '--config-only', '--ipam-driver', PLUGIN];
  for (const host of lab.hosts) await lab.docker(host, ...config, ...options, `${name}-config`);
  const create = ['network', 'create', '-d', PLUGIN, '--scope', 'swarm', '--attachable'];
  await lab.docker('h1', ...create, '--config-from', `${name}-config`, name);
}

describeInLab('swarm local', { hosts: 3, plugin: true, swarm: { managers: 1 } }, (test) => {
  test('tasks and standalone containers of three nodes are in one network: each address is one container, each name is found by all', async (lab) => {
    await createNodeLocal(lab, 'shop', '--ipam-opt', 'xnet.name=shop', '-o', 'xnet.name=shop');
    await createService(lab, 'web', { network: 'shop', replicas: 6 });
    const alone = await runContainer(lab, 'h2', 'shop', { name: 'alone' });
    const tasks = await runningTasks(lab, 'web', 'shop', 6);
    expect(new Set(tasks.map(({ host }) => host)).size).toBe(3);
    const all = [...tasks, alone];
    expect(new Set(await addressesOf(all)).size).toBe(7);
    await allGreet(all);
    await allFind(all, tasks);

    await lab.docker('h1', 'service', 'scale', '--detach', 'web=2');
    await lab.docker('h1', 'node', 'update', '--availability', 'drain', 'h3');
    const left = await runningTasks(lab, 'web', 'shop', 2);
    await allFind([...left, alone], left);

    await lab.docker('h1', 'node', 'update', '--availability', 'active', 'h3');
    await lab.docker('h1', 'service', 'scale', '--detach', 'web=4');
    const more = await runningTasks(lab, 'web', 'shop', 4);
    await allGreet([...more, alone]);
    await allFind([...more, alone], more);
  });

  test('a subnet given to the nodes is enough to be one network, and options hold', async (lab) => {
    await createNodeLocal(
      lab,
      'fixed',
      '--subnet',
      '10.77.0.0/24',
      '-o',
      'com.docker.network.driver.mtu=1300',
    );
    await createService(lab, 'web', { network: 'fixed', replicas: 3 });
    const tasks = await runningTasks(lab, 'web', 'fixed', 3);
    for (const task of tasks) {
      expect(await task.address()).toMatch(/^10\.77\.0\./);
      expect(await task.exec('cat', '/sys/class/net/eth0/mtu')).toBe('1300');
    }
    await allGreet(tasks);
  });
});
