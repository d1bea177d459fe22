/** What must work on every Docker version: one cluster network used from all hosts of a lab. */
import { expect } from '@jest/globals';
import { createSharedNetwork, GREETING_PORT, runContainer } from './containers.js';
import type { Lab } from './lab.js';

/** Names, ping, TCP, UDP, a given address, a published port and outbound traffic, between every two hosts. */
export async function expectNetworkToWork(lab: Lab): Promise<void> {
  await createSharedNetwork(lab, 'shop', ['--subnet', '10.40.0.0/24']);
  const outside = await lab.outside();
  const containers = await Promise.all(
    lab.hosts.map((host, index) =>
      runContainer(lab, host, 'shop', {
        name: `c${index + 1}`,
        options: ['--ip', `10.40.0.${index + 101}`, '-p', `8080:${GREETING_PORT}`],
      }),
    ),
  );
  for (const [index, from] of containers.entries()) {
    const to = containers[(index + 1) % containers.length] as typeof from;
    const address = await to.address();
    expect(address).toBe(`10.40.0.${((index + 1) % containers.length) + 101}`);
    expect(await from.reaches(address)).toBe(true);
    expect(await from.greetOverTcp(address)).toBe(to.name);
    expect(await from.greetOverUdp(address)).toBe(to.name);
    const url = `/dev/tcp/${await lab.ip(to.host)}/8080`;
    expect(await lab.in(from.host, 'timeout', '15', 'bash', '-c', `cat <${url}`)).toBe(to.name);
    expect(await from.exec('curl', '-s', '-m', '15', `http://${outside}/`)).toBe('hello from outside');
  }
}
