import { expect } from '@jest/globals';
import { createSharedNetwork, runContainer } from '../support/containers/containers.js';
import { describeInLab } from '../support/lab/lab-suite.js';

describeInLab('connectivity', { hosts: 3 }, (test) => {
  test('containers of one network ping each other and talk TCP and UDP, across hosts and on one', async (lab) => {
    await createSharedNetwork(lab, 'shop');
    const [one, two, three, neighbour] = await Promise.all([
      runContainer(lab, 'h1', 'shop', { name: 'one' }),
      runContainer(lab, 'h2', 'shop', { name: 'two' }),
      runContainer(lab, 'h3', 'shop', { name: 'three' }),
      runContainer(lab, 'h1', 'shop', { name: 'neighbour' }),
    ]);
    for (const [from, to] of [
      [one, two],
      [two, one],
      [three, one],
      [one, neighbour],
      [neighbour, one],
    ] as const) {
      const address = await to.address();
      expect(await from.reaches(address)).toBe(true);
      expect(await from.greetOverTcp(address)).toBe(to.name);
      expect(await from.greetOverUdp(address)).toBe(to.name);
    }
  });

  test('the MTU inside is the underlay less 50; a packet of just that size passes whole, a larger one does not', async (lab) => {
    await createSharedNetwork(lab, 'shop', [], ['h1', 'h2']);
    const one = await runContainer(lab, 'h1', 'shop');
    const two = await runContainer(lab, 'h2', 'shop');
    const address = await two.address();
    expect(await one.exec('cat', '/sys/class/net/eth0/mtu')).toBe('1450');
    expect(await one.reaches(address, '-M', 'do', '-s', '1422')).toBe(true);
    expect(await one.reaches(address, '-M', 'do', '-s', '1423')).toBe(false);
  });

  test('a large amount of data arrives whole', async (lab) => {
    await createSharedNetwork(lab, 'shop', [], ['h1', 'h2']);
    const source = await runContainer(lab, 'h1', 'shop');
    const sink = await runContainer(lab, 'h2', 'shop');
    const megabytes = 50;
    const received = sink.exec('sh', '-c', 'socat -u TCP-LISTEN:99 - | sha256sum');
    const sent = await source.exec(
      ...['sh', '-c', 'head -c "$1" /dev/urandom >/tmp/data && sha256sum </tmp/data'],
      ...['sh', `${megabytes * 1024 * 1024}`],
    );
    await source.exec(
      'socat',
      '-u',
      'OPEN:/tmp/data',
      `TCP:${await sink.address()}:99,retry=20,interval=0.1`,
    );
    expect(await received).toBe(sent);
  });
});
