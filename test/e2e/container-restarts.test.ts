import { expect } from '@jest/globals';
import { type Container, createSharedNetwork, runContainer } from '../support/containers/containers.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

async function expectConversation(one: Container, two: Container): Promise<void> {
  const greets = async (from: Container, to: Container) =>
    (await from.greetOverTcp(await to.address()).catch(() => '')) === to.name;
  await eventually(`${one.name} reaches ${two.name}`, () => greets(one, two));
  await eventually(`${two.name} reaches ${one.name}`, () => greets(two, one));
}

describeInLab('container restarts', { hosts: 3 }, (test) => {
  test('docker restart, kill and start: the container is reached again', async (lab) => {
    await createSharedNetwork(lab, 'shop', [], ['h1', 'h2']);
    const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
    const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
    await lab.docker('h1', 'restart', 'one');
    await expectConversation(one, two);
    await lab.docker('h1', 'stop', 'one');
    await lab.docker('h1', 'start', 'one');
    await expectConversation(one, two);
    await lab.docker('h1', 'kill', 'one');
    await lab.docker('h1', 'start', 'one');
    await expectConversation(one, two);
  });

  test('a container with --ip keeps its address over restarts', async (lab) => {
    await createSharedNetwork(lab, 'shop', ['--subnet', '10.30.0.0/24'], ['h1', 'h2']);
    const one = await runContainer(lab, 'h1', 'shop', { name: 'one', options: ['--ip', '10.30.0.30'] });
    const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
    for (let round = 0; round < 3; round++) {
      await lab.docker('h1', 'restart', 'one');
      expect(await one.address()).toBe('10.30.0.30');
    }
    await expectConversation(one, two);
  });

  test('containers with a restart policy come back with dockerd', async (lab) => {
    await createSharedNetwork(lab, 'shop', [], ['h1', 'h2']);
    const one = await runContainer(lab, 'h1', 'shop', { name: 'one', options: ['--restart', 'always'] });
    const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
    await lab.dockerd('h1', 'restart');
    await eventually(
      'it runs again',
      async () => (await one.inspect('{{.State.Running}}')) === 'true',
      30_000,
    );
    await expectConversation(one, two);
  });

  test('a container that crashes again and again leaves nothing behind', async (lab) => {
    await createSharedNetwork(lab, 'shop', [], ['h1']);
    const command = ['sh', '-c', 'exit 1'];
    const options = ['--restart', 'on-failure:5'];
    const one = await runContainer(lab, 'h1', 'shop', { name: 'one', options, command });
    const ended = async () => (await one.inspect('{{.RestartCount}} {{.State.Running}}')) === '5 false';
    await eventually('five restarts', ended, 30_000);
  });

  test('a running container is in several networks and leaves them again', async (lab) => {
    const names = ['red', 'green', 'blue'];
    for (const name of names) await createSharedNetwork(lab, name);
    const hub = await runContainer(lab, 'h1', 'red', { name: 'hub' });
    await lab.docker('h1', 'network', 'connect', 'green', 'hub');
    await lab.docker('h1', 'network', 'connect', 'blue', 'hub');
    const others = await Promise.all(
      names.map((name, index) => runContainer(lab, lab.hosts[index] as string, name, { name: `on-${name}` })),
    );
    for (const other of others) {
      expect(await hub.greetOverTcp(await other.address())).toBe(other.name);
      expect(await other.greetOverTcp(await hub.address(other.network))).toBe('hub');
    }
    await lab.docker('h1', 'network', 'disconnect', 'green', 'hub');
    const reached = others.map(async (other) => hub.reaches(await other.address()));
    expect(await Promise.all(reached)).toEqual([true, false, true]);
  });
});
