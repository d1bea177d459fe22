/** Networks created without `--ipam-driver xnet`: Docker's own IPAM serves the host that created them. */
import { expect } from '@jest/globals';
import {
  type Container,
  createPlainNetwork,
  isEverywhere,
  runContainer,
} from '../support/containers/containers.js';
import { subnetOf } from '../support/containers/networks.js';
import type { Lab, LabOptions } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** Containers take seconds to start while other labs run. */
const MANY_STARTS = { timeoutMs: 240_000 };

/** Every one greets all, itself too; one command each. */
async function expectAllToMeet(containers: readonly Container[]): Promise<void> {
  const addresses = await Promise.all(containers.map((container) => container.address()));
  expect(new Set(addresses).size).toBe(containers.length);
  const ask = `for to in ${addresses.join(' ')}; do socat -T 3 -u TCP:$to:7,connect-timeout=3 -; done`;
  const names = containers.map(({ name }) => name);
  for (const container of containers) {
    expect((await container.exec('sh', '-c', ask)).split('\n')).toEqual(names);
  }
}

/** What Docker says to another container on the host. */
async function refusal(lab: Lab, host: string, network: string, ...options: string[]): Promise<string> {
  return runContainer(lab, host, network, { options }).then(
    () => 'it was started',
    (error: Error) => error.message,
  );
}

/** The name of a container is known to other hosts a moment after its start. */
async function expectRefusal(lab: Lab, host: string, network: string, says: RegExp): Promise<void> {
  let said = '';
  const isSo = async () => {
    said = await refusal(lab, host, network);
    return says.test(said);
  };
  await eventually(`${host} refuses with ${says}`, isSo).catch((error: Error) => {
    throw new Error(`${error.message}; it said ${said}`);
  });
}

/** Containers on all hosts in turn until every address is taken. */
async function fill(lab: Lab, network: string, count: number): Promise<Container[]> {
  const containers: Container[] = [];
  for (let index = 0; index < count; index++) {
    containers.push(await runContainer(lab, lab.hosts[index % lab.hosts.length] as string, network));
  }
  return containers;
}

async function holderOf(containers: readonly Container[], address: string): Promise<Container> {
  for (const container of containers) if ((await container.address()) === address) return container;
  throw new Error(`no container has ${address}`);
}

interface Case extends LabOptions {
  /** Containers that a /28 has addresses for. */
  readonly fits: number;
}

const CASES: Record<string, Case> = {
  'Docker 28': { hosts: 3, fits: 14 },
  // Docker takes a gateway on the host that creates the network, and asks xnet for one on the other.
  'Docker 20.10': { hosts: 2, engine: '20.10', fits: 12 },
};

for (const [engine, { fits, ...options }] of Object.entries(CASES)) {
  describeInLab(`plain networks on ${engine}`, options, (test) => {
    test(
      'reach from every host to every other: the creator has the lowest addresses, the others the highest',
      async (lab) => {
        await createPlainNetwork(lab, 'shop');
        const containers = await fill(lab, 'shop', 2 * lab.hosts.length);
        await expectAllToMeet(containers);
        for (const container of containers) {
          const [third, last] = (await container.address()).split('.').slice(2).map(Number);
          expect([container.host, third]).toEqual([container.host, container.host === 'h1' ? 0 : 255]);
          if (container.host === 'h1') expect(last).toBeLessThan(5);
        }
      },
      MANY_STARTS,
    );

    test(
      'are used to the last address; past it docker names the holder and the remedy, until one is free again',
      async (lab) => {
        await createPlainNetwork(lab, 'shop', ['--subnet', '10.80.0.0/28']);
        const containers = await fill(lab, 'shop', fits);
        await expectAllToMeet(containers);

        const address = /address (\S+) is held/.exec(await refusal(lab, 'h1', 'shop'))?.[1] ?? '';
        const holder = await holderOf(containers, address);
        const held = `${address} is held by container ${holder.name} on host ${holder.host}`;
        await expectRefusal(
          lab,
          'h1',
          'shop',
          new RegExp(`${held};.*--ip.*another host.*--ipam-driver xnet`),
        );
        await expectRefusal(lab, 'h2', 'shop', /no address is free in .*10\.80\.0\.0\/28.*--subnet/);
        await expectAllToMeet(containers);

        await lab.docker(holder.host, 'rm', '-f', holder.name);
        const next = await runContainer(lab, 'h1', 'shop');
        expect(await next.address()).toBe(address);
        const [leaving] = containers.filter(({ host, name }) => host === 'h2' && name !== holder.name);
        await lab.docker('h2', 'rm', '-f', leaving?.name as string);
        const last = await runContainer(lab, lab.hosts.at(-1) as string, 'shop');
        const left = containers.filter((container) => container !== holder && container !== leaving);
        await expectAllToMeet([...left, next, last]);
      },
      MANY_STARTS,
    );

    test(
      'of two hosts may have one subnet: each works, and a container in both is refused by their names',
      async (lab) => {
        // As Docker's IPAM on a fresh host would choose.
        await createPlainNetwork(lab, 'shop', ['--subnet', '172.25.0.0/16'], 'h1');
        await createPlainNetwork(lab, 'bank', ['--subnet', '172.25.0.0/16'], 'h2');
        const inShop = [await runContainer(lab, 'h1', 'shop'), await runContainer(lab, 'h2', 'shop')];
        const inBank = [await runContainer(lab, 'h1', 'bank'), await runContainer(lab, 'h2', 'bank')];
        const both = lab.docker('h1', 'network', 'connect', 'bank', inShop[0]?.name as string);
        await expect(both).rejects.toThrow(
          /network bank \(.*\) overlaps network shop \(.*\).*--subnet.*--ipam-driver xnet/,
        );
        await expectAllToMeet(inShop);
        await expectAllToMeet(inBank);
      },
      MANY_STARTS,
    );
  });
}

/** The subnets that xnet's IPAM chooses from. */
const DEFAULT_POOLS = { XNET_DEFAULT_POOLS: '172.19.0.0/16:16,172.20.0.0/16:16' };

describeInLab('plain networks', { hosts: 3, settings: DEFAULT_POOLS }, (test) => {
  test(
    'give no address twice when all hosts start containers at once',
    async (lab) => {
      await createPlainNetwork(lab, 'shop', ['--subnet', '10.81.0.0/26']);
      const start = 'seq 10 | xargs -P 3 -I{} docker run -d --network shop tools sleep 1d >/dev/null';
      await Promise.all(
        lab.hosts.map((host) => lab.run(['in', host, 'sh', '-c', start], { timeoutMs: 120_000 })),
      );
      const template = '{{range .Containers}}{{.IPv4Address}} {{end}}';
      const lists = await Promise.all(
        lab.hosts.map((host) => lab.docker(host, 'network', 'inspect', '-f', template, 'shop')),
      );
      expect(new Set(lists.join(' ').trim().split(/\s+/)).size).toBe(30);
    },
    MANY_STARTS,
  );

  test("with another host's --ip in the way: docker names the container, and the remedies help", async (lab) => {
    await createPlainNetwork(lab, 'shop', ['--subnet', '10.82.0.0/24']);
    const web = await runContainer(lab, 'h2', 'shop', { name: 'web', options: ['--ip', '10.82.0.2'] });
    const first = await runContainer(lab, 'h1', 'shop');
    await expectRefusal(lab, 'h1', 'shop', /10\.82\.0\.2 is held by container web on host h2;/);
    const named = await runContainer(lab, 'h1', 'shop', { options: ['--ip', '10.82.0.77'] });
    const elsewhere = await runContainer(lab, 'h3', 'shop');
    await expectAllToMeet([web, first, named, elsewhere]);
    expect(await refusal(lab, 'h3', 'shop', '--ip', '10.82.0.77')).toMatch(
      /10\.82\.0\.77 is held by container \S+ on host h1/,
    );
  });

  test("never get the subnet of any host's docker_gwbridge: docker names subnet, host and remedy", async (lab) => {
    await setGatewayBridge(lab, 'h2', ['--subnet', '172.19.0.0/16']);
    const create = (...options: string[]) =>
      lab.docker('h1', 'network', 'create', '-d', 'xnet', ...options, 'shop');
    const said =
      '172\\.19\\.0\\.0/16 overlaps docker_gwbridge of host h2 \\(172\\.19\\.0\\.0/16\\).*--subnet';
    await expect(create()).rejects.toThrow(new RegExp(`${said}.*--ipam-driver xnet`));
    const given = create('--ipam-driver', 'xnet', '--subnet', '172.19.0.0/16');
    await expect(given).rejects.toThrow(new RegExp(`${said}$`, 'm'));
    await createPlainNetwork(lab, 'bank', ['--subnet', '172.30.0.0/16']);
    await runContainer(lab, 'h2', 'bank');
    await createPlainNetwork(lab, 'shop', ['--ipam-driver', 'xnet']);
    expect(await subnetOf(lab, 'h1', 'shop')).toBe('172.20.0.0/16');
    await runContainer(lab, 'h2', 'shop');
    await lab.docker('h2', 'rm', '-f', ...(await lab.docker('h2', 'ps', '-aq')).split('\n'));
    await setGatewayBridge(lab, 'h2', ['--subnet', '172.18.0.0/16']);
  });

  test("keep clear of the other hosts' docker_gwbridge when created as soon as xnet listens", async (lab) => {
    await isEverywhere(lab, 'docker_gwbridge');
    await lab.xnet('h1', 'stop');
    await lab.docker('h1', 'network', 'rm', 'docker_gwbridge');
    await lab.xnet('h1', 'start');
    await lab.docker('h1', 'network', 'create', '-d', 'xnet', 'shop');
    await isEverywhere(lab, 'shop');
    await runContainer(lab, 'h2', 'shop');
  });

  test(
    'that are removed while xnet is down leave nothing in etcd',
    async (lab) => {
      await createPlainNetwork(lab, 'shop');
      await lab.xnet('h2', 'kill');
      await lab.docker('h2', 'network', 'rm', 'shop');
      await lab.xnet('h2', 'start');
      const isGone = async () => !/pool/.test((await lab.etcdKeys()).join('\n'));
      await eventually('no pool is left in etcd', isGone, 30_000);
    },
    MANY_STARTS,
  );
});

describeInLab('plain networks of Docker 28 on 20.10', { hosts: 2, engines: { h2: '20.10' } }, (test) => {
  test('are there too, though a container has the address that 20.10 would take for the gateway', async (lab) => {
    await lab.xnet('h2', 'stop');
    await lab.docker('h1', 'network', 'create', '-d', 'xnet', 'shop');
    const one = await runContainer(lab, 'h1', 'shop');
    expect(await one.address()).toMatch(/\.0\.1$/);
    await lab.xnet('h2', 'start');
    await eventually('h2 has the network', async () =>
      (await lab.docker('h2', 'network', 'ls')).includes('shop'),
    );
    await expectAllToMeet([
      one,
      await runContainer(lab, 'h2', 'shop'),
      await runContainer(lab, 'h1', 'shop'),
    ]);
  });
});

/** Gives the host another docker_gwbridge; resolves when the cluster knows of it. */
async function setGatewayBridge(lab: Lab, host: string, options: readonly string[]): Promise<void> {
  const name = 'docker_gwbridge';
  const bridge = ['-o', `com.docker.network.bridge.name=${name}`, ...options];
  await lab.xnet(host, 'stop');
  await lab.docker(host, 'network', 'rm', name);
  await lab.docker(host, 'network', 'create', ...bridge, name);
  await lab.xnet(host, 'start');
  const subnet = await subnetOf(lab, host, name);
  const isKnown = async () => (await lab.etcd('ctl', 'get', '--prefix', '/xnet/hosts/')).includes(subnet);
  await eventually(`the cluster knows of ${subnet}`, isKnown);
}
