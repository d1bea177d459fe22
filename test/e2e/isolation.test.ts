import { expect } from '@jest/globals';
import { createSharedNetwork, runContainer } from '../support/containers/containers.js';
import { describeInLab } from '../support/lab/lab-suite.js';

describeInLab('isolation', { hosts: 3 }, (test) => {
  test('containers of two networks reach each other only while connected to a common network', async (lab) => {
    await createSharedNetwork(lab, 'red', [], ['h1', 'h2']);
    await createSharedNetwork(lab, 'blue', [], ['h1', 'h2']);
    const red = await runContainer(lab, 'h1', 'red', { name: 'red' });
    const blues = [await runContainer(lab, 'h1', 'blue'), await runContainer(lab, 'h2', 'blue')];
    const unreached = await Promise.all(blues.map(async (blue) => red.reaches(await blue.address())));
    expect(unreached).toEqual([false, false]);

    await lab.docker('h1', 'network', 'connect', 'blue', 'red');
    for (const blue of blues) {
      expect(await red.reaches(await blue.address())).toBe(true);
      expect(await blue.reaches(await red.address('blue'))).toBe(true);
      expect(await blue.reaches(await red.address('red'))).toBe(false);
    }

    const formerAddress = await red.address('blue');
    await lab.docker('h1', 'network', 'disconnect', 'blue', 'red');
    const after = blues.map(async (blue) => [
      await red.reaches(await blue.address()),
      await blue.reaches(formerAddress),
    ]);
    expect(await Promise.all(after)).toEqual([
      [false, false],
      [false, false],
    ]);
  });

  test('a container that routes to another network by itself does not get there', async (lab) => {
    await createSharedNetwork(lab, 'red', [], ['h1', 'h2']);
    await createSharedNetwork(lab, 'blue', ['--subnet', '10.51.0.0/24'], ['h1', 'h2']);
    const red = await runContainer(lab, 'h1', 'red', { options: ['--privileged'] });
    const blues = [await runContainer(lab, 'h1', 'blue'), await runContainer(lab, 'h2', 'blue')];
    const addresses = await Promise.all(blues.map((blue) => blue.address()));

    await red.exec('ip', 'route', 'add', '10.51.0.0/24', 'dev', 'eth0');
    await red.exec('ip', 'address', 'add', '10.51.0.99/24', 'dev', 'eth0');
    const reached = await Promise.all(addresses.map((address) => red.reaches(address)));
    expect(reached).toEqual([false, false]);
    // Nor with the MAC known, which needs no ARP.
    for (const [index, blue] of blues.entries()) {
      const mac = await blue.exec('cat', '/sys/class/net/eth0/address');
      await red.exec('ip', 'neigh', 'replace', addresses[index] as string, 'lladdr', mac, 'dev', 'eth0');
    }
    const reachedByMac = await Promise.all(
      addresses.map((address) => red.reaches(address, '-I', '10.51.0.99')),
    );
    expect(reachedByMac).toEqual([false, false]);
  });

  test('networks with the same subnet coexist: each address is that of its own network', async (lab) => {
    const subnet = ['--subnet', '10.50.0.0/24'];
    await createSharedNetwork(lab, 'red', subnet, ['h1', 'h2']);
    await createSharedNetwork(lab, 'blue', subnet, ['h1', 'h2']);
    const same = ['--ip', '10.50.0.10'];
    await runContainer(lab, 'h1', 'red', { name: 'red-ten', options: same });
    await runContainer(lab, 'h2', 'blue', { name: 'blue-ten', options: same });
    for (const host of ['h1', 'h2']) {
      const red = await runContainer(lab, host, 'red');
      const blue = await runContainer(lab, host, 'blue');
      expect(await red.greetOverTcp('10.50.0.10')).toBe('red-ten');
      expect(await blue.greetOverTcp('10.50.0.10')).toBe('blue-ten');
    }
  });

  test('a host that is no VTEP of the cluster cannot send into a network', async (lab) => {
    await createSharedNetwork(lab, 'shop', ['-o', 'xnet.vni=4242'], ['h1']);
    await runContainer(lab, 'h1', 'shop');
    const forged = `'\\010\\000\\000\\000\\000\\020\\222\\000'`;
    const send = `printf ${forged} >/dev/udp/${await lab.ip('h1')}/4789`;
    await lab.in('etcd1', 'bash', '-c', `${send}; ${send}`);
    expect(await lab.in('h1', 'nft', 'list', 'counter', 'inet', 'xnet', 'forged')).toContain('packets 2');
  });
});
