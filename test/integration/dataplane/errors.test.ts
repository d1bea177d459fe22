/** What goes wrong on a host, and what xnet says then. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { LinuxDataplane } from '../../../src/dataplane/linux-dataplane.js';
import { remotesOf, TestUnderlay } from '../../support/kernel/netns-hosts.js';
import { run } from '../../support/programs/command.js';

/** Puts a shell script named `program` before all others on the PATH. */
async function shadow(program: string, script: string): Promise<AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-test-'));
  await writeFile(join(directory, program), `#!/bin/sh\n${script}\n`);
  await chmod(join(directory, program), 0o755);
  const path = process.env.PATH;
  process.env.PATH = `${directory}:${path}`;
  return {
    [Symbol.asyncDispose]: async () => {
      process.env.PATH = path;
      await rm(directory, { recursive: true });
    },
  };
}

describe('a VNI', () => {
  test('that another device has is refused by name, and the network can be had once it is free', async () => {
    await using underlay = await TestUnderlay.create(1);
    const host = underlay.hosts[0]!;
    const network = underlay.network(host, 'shop');
    await host.netns.ip(`link add other type vxlan id ${network.vni} local ${host.vtep} dstport 4789`);
    await expect(host.dataplane.ensureNetwork(network)).rejects.toMatchObject({
      code: 'IN_USE',
      message: expect.stringContaining(`VNI ${network.vni}`),
    });
    await host.netns.ip('link del other');
    await host.dataplane.ensureNetwork(network);
  });

  test('whose namespace was deleted a moment ago can be had again', async () => {
    await using underlay = await TestUnderlay.create(1);
    const host = underlay.hosts[0]!;
    const network = underlay.network(host, 'shop');
    await host.dataplane.ensureEndpoint(network, { id: 'e', mac: '02:00:00:00:00:02' });
    for (let i = 0; i < 3; i++) {
      await run(['ip', 'netns', 'del', `xnet-${network.id}`]);
      await host.dataplane.ensureNetwork(network);
      await host.dataplane.ensureEndpoint(network, { id: 'e', mac: '02:00:00:00:00:02' });
    }
  });

  test('may be the same on two UDP ports', async () => {
    await using underlay = await TestUnderlay.create(1, { vxlanPort: 14789 });
    const host = underlay.hosts[0]!;
    const network = underlay.network(host, 'shop');
    await host.netns.ip(`link add other type vxlan id ${network.vni} local ${host.vtep} dstport 4789`);
    await host.dataplane.ensureNetwork(network);
  });
});

test('a UDP port that another program has is refused by number', async () => {
  await using underlay = await TestUnderlay.create(1);
  const host = underlay.hosts[0]!;
  const squatter = host.netns.start('socat', '-u', 'UDP4-RECV:4789', 'STDOUT');
  await new Promise((resolve) => setTimeout(resolve, 300));
  await expect(host.dataplane.ensureNetwork(underlay.network(host, 'shop'))).rejects.toMatchObject({
    code: 'IN_USE',
    message: expect.stringContaining('4789'),
  });
  await squatter.stop();
});

test('a kernel without VXLAN is named as such, with its words and the remedy', async () => {
  await using underlay = await TestUnderlay.create(1);
  // As iproute2 says it where the module is missing.
  const words = 'Error: Unknown device type.';
  await using _ip = await shadow(
    'ip',
    `case "$*" in *-batch*) cat >/dev/null; echo "${words}" >&2; echo "Command failed -:1" >&2; exit 1;; esac; exec /usr/sbin/ip "$@"`,
  );
  const dataplane = new LinuxDataplane({ hostNamespace: underlay.hosts[0]!.netns.name });
  await expect(dataplane.findUnderlay()).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringMatching(/Unknown device type.*modprobe/),
  });
});

test('a host without iproute2 is told what to install', async () => {
  await using underlay = await TestUnderlay.create(1);
  await using _none = await shadow('nothing', '');
  process.env.PATH = (process.env.PATH as string).split(':', 1)[0];
  const dataplane = new LinuxDataplane({ hostNamespace: underlay.hosts[0]!.netns.name });
  await expect(dataplane.findUnderlay()).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('iproute2'),
  });
});

test('a name in /run/netns that is no namespace is made one', async () => {
  await using underlay = await TestUnderlay.create(1);
  const host = underlay.hosts[0]!;
  const network = underlay.network(host, 'shop');
  await writeFile(`/run/netns/xnet-${network.id}`, '');
  expect(await host.dataplane.listNetworks()).toContainEqual({ id: network.id, endpointNames: [] });
  await host.dataplane.ensureNetwork(network);
  expect(await run(['ip', '-n', `xnet-${network.id}`, 'link'])).toContain('vxlan0');
});

test('forwarding of a network that does not exist is refused as not found', async () => {
  await using underlay = await TestUnderlay.create(1);
  await expect(underlay.hosts[0]!.dataplane.setForwarding('ffffffffffff', new Map())).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
});

test('a value that is no MAC or address changes nothing', async () => {
  await using underlay = await TestUnderlay.create(1);
  const host = underlay.hosts[0]!;
  const network = underlay.network(host, 'shop');
  await host.dataplane.ensureNetwork(network);
  const remote = { mac: '02:00:00:00:00:02', addresses: ['10.1.0.2'], vtep: '10.99.0.2' };
  for (const bad of [
    { ...remote, mac: '02:00' },
    { ...remote, addresses: ['10.1.0.2 dev lo'] },
    { ...remote, vtep: '10.99.0.2\nlink del br0' },
  ]) {
    await expect(host.dataplane.setForwarding(network.id, remotesOf([remote, bad]))).rejects.toMatchObject({
      code: 'INVALID',
    });
  }
  const change = await host.dataplane.setForwarding(network.id, new Map());
  expect(change).toEqual({ added: 0, removed: 0, left: 0 });
});

describe('what the kernel refuses of a change of forwarding', () => {
  test('is named with the line, does not hinder the rest, and is tried again next time', async () => {
    await using underlay = await TestUnderlay.create(1);
    const host = underlay.hosts[0]!;
    const network = underlay.network(host, 'shop');
    await host.dataplane.ensureNetwork(network);
    // An IPv6 VTEP on an IPv4 tunnel.
    const wrong = { mac: '02:00:00:00:00:02', addresses: ['10.1.0.2'], vtep: 'fd99::2' };
    const right = { mac: '02:00:00:00:00:03', addresses: ['10.1.0.3'], vtep: '10.99.0.3' };
    for (let i = 0; i < 2; i++) {
      await expect(host.dataplane.setForwarding(network.id, remotesOf([wrong, right]))).rejects.toMatchObject(
        { message: expect.stringContaining('fdb replace 02:00:00:00:00:02') },
      );
    }
    const shown = await run(['bridge', '-n', `xnet-${network.id}`, 'fdb', 'show', 'dev', 'vxlan0']);
    expect(shown).toMatch(/02:00:00:00:00:03 dst 10\.99\.0\.3/);
  });
});

describe('the underlay', () => {
  test('is the interface of the default route and its first global address', async () => {
    await using underlay = await TestUnderlay.create(1);
    const { dataplane, vtep } = underlay.hosts[0]!;
    expect(await dataplane.findUnderlay()).toMatchObject({ vtep, interface: 'eth0', mtu: 1500 });
  });

  test('is found by interface and by address', async () => {
    await using underlay = await TestUnderlay.create(1, { family: 6, mtu: 9000 });
    const { netns, vtep } = underlay.hosts[0]!;
    for (const wanted of ['eth0', vtep]) {
      await using dataplane = new LinuxDataplane({ hostNamespace: netns.name, underlay: wanted });
      expect(await dataplane.findUnderlay()).toMatchObject({ vtep, interface: 'eth0', mtu: 9000 });
    }
  });

  test('that is not there is refused with a list of what there is', async () => {
    await using underlay = await TestUnderlay.create(1);
    const { netns } = underlay.hosts[0]!;
    await using dataplane = new LinuxDataplane({ hostNamespace: netns.name, underlay: 'eth7' });
    await expect(dataplane.findUnderlay()).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringMatching(/"eth7".*eth0 \(10\.99\.0\.1\)/),
    });
  });
});
