import { expect } from '@jest/globals';
import {
  type Container,
  CREATE,
  createMirroredNetwork,
  createSharedNetwork,
  runContainer,
} from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

async function ipamConfig(lab: Lab, host: string, network: string): Promise<Record<string, unknown>[]> {
  return JSON.parse(await lab.docker(host, 'network', 'inspect', '-f', '{{json .IPAM.Config}}', network));
}

function macOf(container: Container): Promise<string> {
  return container.inspect('{{.NetworkSettings.Networks.shop.MacAddress}}');
}

/** Addresses of `count` new containers, spread over the hosts. */
async function startMany(lab: Lab, network: string, count: number): Promise<string[]> {
  const addresses: string[] = [];
  for (let index = 0; index < count; index++) {
    const host = lab.hosts[index % lab.hosts.length] as string;
    const container = await runContainer(lab, host, network, { command: ['sleep', '1d'] });
    addresses.push(await container.address());
  }
  return addresses;
}

/** Addresses that hosts have in reserve, as etcd has them. */
async function reserved(lab: Lab, subnet: string): Promise<string[]> {
  const prefix = `/xnet/addresses/${encodeURIComponent(`xnet-local~${subnet}`)}/`;
  const lines = (await lab.etcd('ctl', 'get', '--prefix', prefix)).split('\n');
  return lines.flatMap((line, index) =>
    line.includes('"reserve":true') ? [(lines[index - 1] ?? '').slice(prefix.length)] : [],
  );
}

describeInLab('addresses', { hosts: 3 }, (test) => {
  test('--ip and --mac-address are what the container has and others see', async (lab) => {
    await createSharedNetwork(lab, 'shop', ['--subnet', '10.70.0.0/24'], ['h1', 'h2']);
    const mac = '02:42:0a:46:00:07';
    const options = ['--ip', '10.70.0.77', '--mac-address', mac];
    const web = await runContainer(lab, 'h1', 'shop', { name: 'web', options });
    const client = await runContainer(lab, 'h2', 'shop');
    expect(await web.address()).toBe('10.70.0.77');
    expect(await web.inspect('{{.NetworkSettings.Networks.shop.MacAddress}}')).toBe(mac);
    expect(await web.exec('ip', '-br', 'link', 'show', 'eth0')).toContain(mac);
    expect(await web.exec('ip', '-br', '-4', 'address', 'show', 'eth0')).toContain('10.70.0.77/24');
    expect(await client.greetOverTcp('10.70.0.77')).toBe('web');
    expect(await client.exec('ip', 'neigh', 'show', '10.70.0.77')).toContain(mac);
  });

  test('a MAC that a container has is refused on all hosts, naming the holder, until that has gone', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    await createMirroredNetwork(lab, 'other');
    const options = ['--mac-address', '02:42:ac:11:00:99'];
    const client = await runContainer(lab, 'h1', 'shop');
    await runContainer(lab, 'h1', 'shop', { name: 'web', options });
    const held =
      /MAC address 02:42:ac:11:00:99 is held by (container web|endpoint \w{12}) on host h1; choose another/;
    for (const host of lab.hosts)
      await expect(runContainer(lab, host, 'shop', { options })).rejects.toThrow(held);
    await runContainer(lab, 'h2', 'other', { options });
    await lab.docker('h1', 'restart', 'web');
    await expect(runContainer(lab, 'h2', 'shop', { options })).rejects.toThrow(held);
    await lab.docker('h1', 'rm', '-f', 'web');
    const successor = await runContainer(lab, 'h2', 'shop', { name: 'successor', options });
    expect(await client.greetOverTcp(await successor.address())).toBe('successor');
  });

  test('a MAC that follows from an address is refused while a container has that; who gets it later has another', async (lab) => {
    await createMirroredNetwork(lab, 'shop', ['--subnet', '10.73.0.0/24']);
    const first = await runContainer(lab, 'h1', 'shop', { name: 'first' });
    const address = await first.address();
    const options = ['--mac-address', await macOf(first)];
    const held = /is held by (container first|endpoint \w{12}) on host h1/;
    for (const host of ['h1', 'h2'])
      await expect(runContainer(lab, host, 'shop', { options })).rejects.toThrow(held);
    await lab.docker('h1', 'rm', '-f', 'first');
    const heir = await runContainer(lab, 'h2', 'shop', { name: 'heir', options });
    const second = await runContainer(lab, 'h1', 'shop', { name: 'second', options: ['--ip', address] });
    expect(await macOf(second)).not.toBe(await macOf(heir));
    expect(await second.greetOverTcp(await heir.address())).toBe('heir');
    expect(await heir.greetOverTcp(address)).toBe('second');
  });

  test('without a subnet the hosts agree on one, with the same IPAM configuration', async (lab) => {
    await createSharedNetwork(lab, 'shop');
    const configs = await Promise.all(lab.hosts.map((host) => ipamConfig(lab, host, 'shop')));
    expect(configs[0]?.[0]?.Subnet).toMatch(/^10\.(19\d|20[0-7])\.\d+\.0\/24$/);
    expect(configs[1]).toEqual(configs[0]);
    expect(configs[2]).toEqual(configs[0]);
    const container = await runContainer(lab, 'h2', 'shop');
    const listed = await lab.docker('h2', 'network', 'inspect', '-f', '{{json .Containers}}', 'shop');
    expect(listed).toContain(`"IPv4Address":"${await container.address()}/24"`);
  });

  test('--ip-range bounds automatic addresses; gateway and auxiliary addresses are never handed out', async (lab) => {
    const pool = ['--subnet', '10.71.0.0/24', '--ip-range', '10.71.0.8/29', '--gateway', '10.71.0.9'];
    await createSharedNetwork(lab, 'shop', [...pool, '--aux-address', 'printer=10.71.0.10']);
    const addresses = await startMany(lab, 'shop', 6);
    const last = addresses.map((address) => Number(address.split('.')[3])).sort((a, b) => a - b);
    expect(last).toEqual([8, 11, 12, 13, 14, 15]);
    await expect(startMany(lab, 'shop', 1)).rejects.toThrow(/no address is free/);
    const [config] = await ipamConfig(lab, 'h3', 'shop');
    expect(config).toMatchObject({ Gateway: '10.71.0.9', AuxiliaryAddresses: { printer: '10.71.0.10' } });
  });

  test('an address range of its own on each host', async (lab) => {
    const ranges = { h1: '10.72.0.32/28', h2: '10.72.0.64/28' };
    for (const [host, range] of Object.entries(ranges)) {
      await createSharedNetwork(lab, 'shop', ['--subnet', '10.72.0.0/24', '--ip-range', range], [host]);
    }
    const one = await runContainer(lab, 'h1', 'shop');
    const two = await runContainer(lab, 'h2', 'shop');
    expect(await one.address()).toMatch(/^10\.72\.0\.(3[2-9]|4[0-7])$/);
    expect(await two.address()).toMatch(/^10\.72\.0\.(6[4-9]|7\d)$/);
    expect(await one.reaches(await two.address())).toBe(true);
  });

  test('a released address rests before it is handed out again', async (lab) => {
    await createSharedNetwork(lab, 'shop', [], ['h1', 'h2']);
    const first = await runContainer(lab, 'h1', 'shop');
    const address = await first.address();
    await lab.docker('h1', 'rm', '-f', first.name);
    const next = await Promise.all(['h1', 'h2'].map((host) => runContainer(lab, host, 'shop')));
    expect(await Promise.all(next.map((container) => container.address()))).not.toContain(address);
  });

  test('a host has the next addresses in stock; who names one of them gets it, on any host; a crash loses none', async (lab) => {
    await createMirroredNetwork(lab, 'shop', ['--subnet', '10.74.0.0/24']);
    const start = async (host: string, ...options: string[]) =>
      (await runContainer(lab, host, 'shop', { options, command: ['sleep', '1d'] })).address();
    expect(await start('h1')).toBe('10.74.0.2');
    await eventually(async () => expect(await reserved(lab, '10.74.0.0/24')).toHaveLength(8));
    expect(await reserved(lab, '10.74.0.0/24')).toEqual(expect.arrayContaining(['10.74.0.3', '10.74.0.6']));
    expect(await start('h1')).toBe('10.74.0.3');
    expect(await start('h1', '--ip', '10.74.0.4')).toBe('10.74.0.4');
    expect(await start('h2', '--ip', '10.74.0.5')).toBe('10.74.0.5');
    expect(await start('h1')).toBe('10.74.0.6');
    const before = await Promise.all([start('h1'), start('h2')]);
    await lab.xnet('h1', 'crash');
    const after = await Promise.all(['h1', 'h1', 'h2', 'h3'].map((host) => start(host)));
    expect(new Set(['10.74.0.6', ...before, ...after]).size).toBe(7);
  });

  test('the MTU, the VNI and the subnet that were asked for', async (lab) => {
    const options = ['-o', 'com.docker.network.driver.mtu=1400', '-o', 'xnet.vni=777777'];
    await lab.docker('h1', ...CREATE, ...options, '--subnet', '10.73.0.0/24', 'shop');
    const container = await runContainer(lab, 'h1', 'shop');
    expect(await container.exec('cat', '/sys/class/net/eth0/mtu')).toBe('1400');
    expect(await lab.in('h1', 'xnet', 'status')).toMatch(/vni 777777 {2}mtu 1400 {2}10\.73\.0\.0\/24/);
    const [namespace = ''] = /^xnet-[0-9a-f]{12}$/m.exec(await lab.in('h1', 'ls', '/run/netns')) ?? [];
    expect(await lab.in('h1', 'ip', '-n', namespace, '-d', 'link', 'show', 'vxlan0')).toContain(
      'vxlan id 777777',
    );
  });
});
