/** Swarm with networks of global scope: managers create them and give the addresses out, nodes take part. */
import { expect } from '@jest/globals';
import { runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { findManager } from '../support/lab/swarm-nodes.js';
import {
  addressesOf,
  createOnSwarm,
  createService,
  globalSwarm,
  OLDER_NODES,
  runningTasks,
  updateService,
} from '../support/swarm/swarm.js';
import { allFind, allGreet } from '../support/swarm/swarm-reach.js';
import { eventually } from '../support/time/eventually.js';

const DNSRR = { network: 'shop', options: ['--endpoint-mode', 'dnsrr'] };
/** Of swarm's managers, with a lost or demoted leader, on a machine that others load. */
const ELECTION_MS = 40_000;
/**
 * Three missed ones make a node lost, and its tasks are replaced. With Docker's 5 s that befalls a demoted leader now and
 * then: its agent looks for the next one at pauses of up to 8 s.
 */
const HEARTBEAT = '30s';

describeInLab('swarm', globalSwarm(3, OLDER_NODES), (test) => {
  test('a service over three nodes and standalone containers, scaled, updated, drained: all reach all, each address is one container', async (lab) => {
    const options = ['-o', 'xnet.multicast=off', '-o', 'com.docker.network.driver.mtu=1300'];
    await createOnSwarm(lab, 'shop', '--subnet', '10.77.0.0/24', ...options);
    // Managers allocate behind the answer.
    await eventually(async () =>
      expect(await storedNetwork(lab)).toMatchObject({ multicast: false, mtu: 1300 }),
    );
    await createService(lab, 'web', { ...DNSRR, replicas: 6 });
    const alone = await runContainer(lab, 'h2', 'shop', { name: 'alone' });
    const tasks = await runningTasks(lab, 'web', 'shop', 6);
    expect(new Set(tasks.map(({ host }) => host)).size).toBe(3);
    const addresses = await addressesOf([...tasks, alone]);
    expect(new Set(addresses).size).toBe(7);
    expect(addresses.filter((address) => !address.startsWith('10.77.0.'))).toEqual([]);
    for (const each of [tasks[0], alone])
      expect(await each?.exec('cat', '/sys/class/net/eth0/mtu')).toBe('1300');
    await allGreet([...tasks, alone]);
    // Its name is swarm's alone.
    const networks = async () => JSON.parse(await lab.in('h2', 'xnet', 'status', '--json')).networks;
    await eventually(async () => expect(await networks()).toMatchObject([{ name: 'shop' }]));

    await lab.docker('h1', 'service', 'scale', '--detach', 'web=3');
    await lab.docker('h1', 'node', 'update', '--availability', 'drain', 'h3');
    const left = await runningTasks(lab, 'web', 'shop', 3);
    expect(left.map(({ host }) => host)).not.toContain('h3');
    await allFind([alone], left);
    await lab.docker('h1', 'node', 'update', '--availability', 'active', 'h3');

    await updateService(lab, 'web', 3);
    const updated = await runningTasks(lab, 'web', 'shop', 3);
    await allGreet([...updated, alone]);
    await allFind([alone], updated);
  });

  test('when another manager leads, all goes on: addresses stay, new tasks get others', async (lab) => {
    await createOnSwarm(lab, 'shop');
    await createService(lab, 'web', { ...DNSRR, replicas: 3 });
    const tasks = await runningTasks(lab, 'web', 'shop', 3);
    const before = await addressesOf(tasks);
    const leader = await findLeader(lab);
    await lab.docker(leader, 'swarm', 'update', '--dispatcher-heartbeat', HEARTBEAT);
    await lab.docker(leader, 'node', 'demote', leader);
    await eventually(async () => expect(await findLeader(lab)).not.toBe(leader), ELECTION_MS);
    await lab.docker(await findManager(lab), 'node', 'promote', leader);

    await lab.docker(await findManager(lab), 'service', 'scale', '--detach', 'web=6');
    const more = await runningTasks(lab, 'web', 'shop', 6);
    const after = await addressesOf(more);
    expect(after).toEqual(expect.arrayContaining(before));
    expect(new Set(after).size).toBe(6);
    await allGreet(more);
  });
});

/** What the store has of the one network that there is. */
async function storedNetwork(lab: Lab): Promise<unknown> {
  const value = await lab.etcd('ctl', 'get', '--prefix', '/xnet/networks/', '--print-value-only');
  return JSON.parse(value);
}

async function findLeader(lab: Lab): Promise<string> {
  const manager = await findManager(lab);
  const nodes = await lab.docker(manager, 'node', 'ls', '--format', '{{.Hostname}} {{.ManagerStatus}}');
  return /^(\S+) Leader$/m.exec(nodes)?.[1] ?? '';
}
