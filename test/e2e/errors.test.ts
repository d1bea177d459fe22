import { expect } from '@jest/globals';
import {
  CREATE,
  createMirroredNetwork,
  createSharedNetwork,
  runContainer,
} from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** What `docker network create` on h1 says to these options. */
function refusal(lab: Lab, ...options: string[]): Promise<string> {
  return refusalOn(lab, 'h1', ...options);
}

async function refusalOn(lab: Lab, host: string, ...options: string[]): Promise<string> {
  return lab.docker(host, ...CREATE, ...options, 'refused').then(
    () => 'it was created',
    (error: Error) => error.message,
  );
}

async function writeResolvConf(lab: Lab, text: string): Promise<void> {
  await lab.in('h2', 'sh', '-c', 'printf "%s\\n" "$1" > /etc/resolv.conf', 'sh', text);
}

const REFUSED: Record<string, { readonly options: readonly string[]; readonly says: RegExp }> = {
  'an unknown xnet option': {
    options: ['-o', 'xnet.vnl=7'],
    says: /unknown option .*xnet\.vnl.*xnet\.name.*xnet\.vni/,
  },
  'an unknown IPAM option': { options: ['--ipam-opt', 'xnet.nmae=x'], says: /xnet\.nmae.*xnet\.name/ },
  "encryption, which is of Docker's overlay": {
    options: ['-o', 'encrypted', '-o', 'xnet.mode=routed'],
    says: /option -o xnet.encrypt=on does not go with xnet.mode=routed/,
  },
  "another driver's option, and one that nobody knows": {
    options: ['-o', 'foo=bar', '-o', 'com.docker.network.driver.overlay.vxlanid_list=4097'],
    says: /vxlanid_list is of Docker's overlay; .*-o xnet\.vni/,
  },
  'an IPAM option that nobody knows': {
    options: ['--ipam-opt', 'foo=bar'],
    says: /unknown option --ipam-opt foo; known are xnet\.name/,
  },
  'a name with a slash': {
    options: ['-o', 'xnet.name=bad/../name'],
    says: /xnet\.name=bad\/\.\.\/name must/,
  },
  'a VNI that is none': { options: ['-o', 'xnet.vni=16777216'], says: /xnet\.vni=16777216 must .*16777214/ },
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

  test('a subnet that another network has: docker names it on every host, until it has gone', async (lab) => {
    const subnet = ['--subnet', '10.26.0.0/24'];
    await createMirroredNetwork(lab, 'shop', subnet);
    for (const host of lab.hosts)
      expect(await refusalOn(lab, host, ...subnet)).toMatch(
        /10\.26\.0\.0\/24 is that of network shop; .*--subnet/,
      );
    await lab.docker('h2', 'network', 'rm', 'shop');
    await createMirroredNetwork(lab, 'other', subnet);
    expect(await refusalOn(lab, 'h2', ...subnet, '-o', 'xnet.name=named')).toMatch(/of network other/);
    // On purpose.
    await lab.docker('h2', ...CREATE, ...subnet, '--ipam-opt', 'xnet.name=named', 'named');
  });

  test("a subnet with a host's own address or its nameserver: docker names it, and whose it is", async (lab) => {
    const address = await lab.ip('h2');
    const [around, nameserver] = [`${address.replace(/\.\d+$/, '')}.0/24`, address.replace(/\d+$/, '254')];
    expect(await refusal(lab, '--subnet', around)).toMatch(/contains 198\.18\.\d+\.\d \(host h\d\)/);
    const small = nameserver.replace(/254$/, '248/29');
    expect(await refusal(lab, '--subnet', small)).toContain(
      `contains ${nameserver} (this host's nameserver)`,
    );
  });

  test('a nameserver that comes to be in a network: the status of its host says what will not work', async (lab) => {
    await createMirroredNetwork(lab, 'shop', ['--subnet', '10.28.0.0/24']);
    const before = await lab.in('h2', 'cat', '/etc/resolv.conf');
    await writeResolvConf(lab, 'nameserver 10.28.0.53');
    const status = await lab.in('h2', 'sh', '-c', 'xnet status; echo "exit $?"');
    await writeResolvConf(lab, before);
    expect(status).toMatch(
      /PROBLEM .*network shop on this host do not reach 10\.28\.0\.53 \(this host's nameserver\)/,
    );
    expect(status).toContain('exit 1');
    expect(await lab.in('h1', 'xnet', 'status')).not.toContain('PROBLEM');
  });

  test('a subnet of a network that is kept to another host: docker names both', async (lab) => {
    const subnet = ['--subnet', '10.27.0.0/24'];
    await lab.docker('h1', ...CREATE, ...subnet, '-o', 'xnet.mirror=off', 'private');
    await eventually(async () =>
      expect(await refusalOn(lab, 'h2', ...subnet)).toMatch(/is that of network private of host h1/),
    );
  });

  test('what Docker itself reads of options, and labels, are let pass', async (lab) => {
    const options = ['-o', 'com.docker.network.enable_ipv6=false', '--label', 'com.docker.network.foo=bar'];
    await createMirroredNetwork(lab, 'shop', options);
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
