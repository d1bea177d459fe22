import { expect } from '@jest/globals';
import {
  createSharedNetwork,
  GREETING_PORT,
  runContainer,
  succeeds,
} from '../support/containers/containers.js';
import { describeInLab } from '../support/lab/lab-suite.js';

describeInLab('publishing', { hosts: 3 }, (test) => {
  test('a published port answers other hosts', async (lab) => {
    await createSharedNetwork(lab, 'shop');
    const options = ['-p', `8080:${GREETING_PORT}`];
    await runContainer(lab, 'h1', 'shop', { name: 'web', options });
    const url = `/dev/tcp/${await lab.ip('h1')}/8080`;
    for (const host of ['h2', 'h3']) {
      expect(await lab.in(host, 'timeout', '15', 'bash', '-c', `cat <${url}`)).toBe('web');
    }
  });

  test('a container reaches the outside, over TCP, UDP and by name', async (lab) => {
    await createSharedNetwork(lab, 'shop', [], ['h1']);
    const container = await runContainer(lab, 'h1', 'shop');
    const outside = await lab.outside();
    expect(await container.reaches(outside)).toBe(true);
    expect(await container.greetOverUdp(outside)).toBe('hello');
    expect(await container.exec('curl', '-s', '-m', '15', 'http://outside.lab/')).toBe('hello from outside');
  });

  test('an internal network has no way out, but its containers reach each other', async (lab) => {
    await createSharedNetwork(lab, 'vault', ['--internal']);
    const one = await runContainer(lab, 'h1', 'vault', { name: 'one' });
    const two = await runContainer(lab, 'h2', 'vault', { name: 'two' });
    expect(await one.greetOverTcp(await two.address())).toBe('two');
    expect(await two.greetOverUdp(await one.address())).toBe('one');
    expect(await one.reaches(await lab.outside())).toBe(false);
    expect(await succeeds(one.exec('curl', '-s', '-m', '2', `http://${await lab.outside()}/`))).toBe(false);
  });
});
