import { expect } from '@jest/globals';
import { CREATE, createSharedNetwork, runContainer } from '../support/containers.js';
import type { Lab } from '../support/lab.js';
import { describeInLab } from '../support/lab-suite.js';

/** What `docker network create` on h1 says to these options. */
async function refusal(lab: Lab, ...options: string[]): Promise<string> {
  return lab.docker('h1', ...CREATE, ...options, 'refused').then(
    () => 'it was created',
    (error: Error) => error.message,
  );
}

const REFUSED: Record<string, { readonly options: readonly string[]; readonly says: RegExp }> = {
  'an unknown xnet option': {
    options: ['-o', 'xnet.vnl=7'],
    says: /unknown option .*xnet\.vnl.*xnet\.name.*xnet\.vni/,
  },
  'an unknown IPAM option': { options: ['--ipam-opt', 'xnet.nmae=x'], says: /xnet\.nmae.*xnet\.name/ },
  'a name with a slash': {
    options: ['-o', 'xnet.name=bad/../name'],
    says: /xnet\.name=bad\/\.\.\/name must/,
  },
  'a VNI that is none': { options: ['-o', 'xnet.vni=16777216'], says: /xnet\.vni=16777216 must .*16777215/ },
  'an unknown id': { options: ['-o', 'xnet.id=0123456789ab'], says: /no network .*0123456789ab/ },
  'an MTU larger than the underlay carries': {
    options: ['-o', 'com.docker.network.driver.mtu=1451'],
    says: /MTU 1451 .*at most 1450/,
  },
  'a subnet with host bits set': { options: ['--subnet', '10.20.0.1/24'], says: /10\.20\.0\.0\/24/ },
  'a gateway outside of the subnet': {
    options: ['--subnet', '10.20.0.0/24', '--gateway', '10.21.0.1'],
    says: /10\.21\.0\.1|no matching subnet/,
  },
  'a subnet for loopback': {
    options: ['--subnet', '127.1.0.0/24'],
    says: /127\.1\.0\.0\/24 overlaps 127\.0\.0\.0\/8/,
  },
};

describeInLab('refused', { hosts: 3 }, (test) => {
  for (const [what, { options, says }] of Object.entries(REFUSED)) {
    test(`${what}: docker says what is wrong and what would be right`, async (lab) => {
      expect(await refusal(lab, ...options)).toMatch(says);
      expect(await lab.docker('h1', 'network', 'ls', '--format', '{{.Name}}')).not.toContain('refused');
    });
  }

  test('a subnet that overlaps one in use on another host: docker names it and the host', async (lab) => {
    await lab.docker('h2', ...CREATE, '--subnet', '10.20.0.0/16', 'shop');
    expect(await refusal(lab, '--subnet', '10.20.3.0/24')).toMatch(
      /10\.20\.3\.0\/24 overlaps .*10\.20\.0\.0\/16.* h2/,
    );
  });

  test('a VNI that another network has: docker names the network', async (lab) => {
    await lab.docker('h2', ...CREATE, '-o', 'xnet.vni=4711', 'shop');
    expect(await refusal(lab, '-o', 'xnet.vni=4711')).toMatch(/VNI 4711 is in use by network [0-9a-f]{12}/);
  });

  test('an address that is taken: docker names its holder and the host', async (lab) => {
    await createSharedNetwork(lab, 'shop', ['--subnet', '10.22.0.0/24', '--gateway', '10.22.0.1']);
    await runContainer(lab, 'h2', 'shop', { name: 'web', options: ['--ip', '10.22.0.22'] });
    const second = runContainer(lab, 'h1', 'shop', { options: ['--ip', '10.22.0.22'] });
    await expect(second).rejects.toThrow(/10\.22\.0\.22 .*on host h2/);
    const gateway = runContainer(lab, 'h1', 'shop', { options: ['--ip', '10.22.0.1'] });
    await expect(gateway).rejects.toThrow(/10\.22\.0\.1 .*gateway/);
  });

  test('an exhausted subnet: docker says so, and another container starts once one has gone', async (lab) => {
    await createSharedNetwork(lab, 'shop', ['--subnet', '10.23.0.0/29']);
    const start = (host: string) => runContainer(lab, host, 'shop', { command: ['sleep', '1d'] });
    const containers = [];
    for (const host of ['h1', 'h2', 'h3', 'h1', 'h2']) containers.push(await start(host));
    await expect(start('h3')).rejects.toThrow(/no address is free in .*10\.23\.0\.0\/29/);
    await lab.docker('h2', 'rm', '-f', containers[1]?.name as string);
    await start('h3');
  });

  test('an address outside of the subnet: docker says so', async (lab) => {
    await createSharedNetwork(lab, 'shop', ['--subnet', '10.24.0.0/24'], ['h1']);
    await expect(runContainer(lab, 'h1', 'shop', { options: ['--ip', '10.25.0.5'] })).rejects.toThrow(
      /10\.25\.0\.5|subnet/,
    );
  });
});
