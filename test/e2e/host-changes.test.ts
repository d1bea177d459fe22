/** What may change of a host while xnet runs there: its underlay address, the underlay's MTU, its name. */
import { expect } from '@jest/globals';
import { type Container, createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { expectNoProblem, expectProblem } from '../support/containers/networks.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** As docs/failure-modes.md promises. */
const FOLLOWED_MS = 5_000;

/** Another address of the lab's subnet. */
async function otherAddress(lab: Lab, host: string): Promise<string> {
  return (await lab.ip(host)).replace(/\d+$/, (last) => String(Number(last) + 50));
}

/** The host has `to` in the place of `from`, as when a DHCP server gives it another address. */
async function renumber(lab: Lab, host: string, from: string, to: string, between = ''): Promise<void> {
  const route = `ip route replace default via ${await lab.outside()} dev eth0`;
  const script = `ip addr del ${from}/24 dev eth0 2>/dev/null; ${between} ip addr add ${to}/24 dev eth0; ${route}`;
  await lab.in(host, 'sh', '-c', script);
}

/** Resolves when each reaches the other, within the time that is promised. */
async function reachEachOther(one: Container, two: Container): Promise<void> {
  const addresses = await Promise.all([one.address(), two.address()]);
  await eventually(async () => {
    const pings = [
      one.exec('ping', '-c', '1', '-W', '1', addresses[1]),
      two.exec('ping', '-c', '1', '-W', '1', addresses[0]),
    ];
    await Promise.all(pings);
  }, FOLLOWED_MS);
}

function peerLine(lab: Lab, host: string, name: string): Promise<string> {
  return lab.in(host, 'sh', '-c', `xnet status | grep -E '^  ${name} '`);
}

describeInLab('host changes', { hosts: 2 }, (test) => {
  for (const hosts of [['h2'], ['h1', 'h2']]) {
    test(`other underlay addresses are followed by all hosts (${hosts.join(' and ')})`, async (lab) => {
      await createMirroredNetwork(lab, 'demo');
      const near = await runContainer(lab, 'h1', 'demo');
      const far = await runContainer(lab, 'h2', 'demo');
      const exchange = (back: boolean) =>
        Promise.all(
          hosts.map(async (host) => {
            const [from, to] = [await lab.ip(host), await otherAddress(lab, host)];
            await (back ? renumber(lab, host, to, from) : renumber(lab, host, from, to));
          }),
        );
      try {
        await exchange(false);
        await reachEachOther(near, far);
        const to = await otherAddress(lab, 'h2');
        expect(await peerLine(lab, 'h1', 'h2')).toMatch(`${to} `);
        // Calls to etcd that were under way went with the former address: a problem, for a moment, which may begin after a look
        // that finds none. With a problem the status ends with 1.
        await expectNoProblem(lab, 'h2');
        await eventually(async () =>
          expect(await lab.in('h2', 'xnet', 'status')).toMatch(`underlay  ${to} on eth0`),
        );
        const text = `${await lab.ip('h2')}.*the underlay of this host has changed.*${to}`;
        expect(await lab.xnetLog('h2')).toMatch(new RegExp(text));
        await reachEachOther(await runContainer(lab, 'h1', 'demo'), far);
        await reachEachOther(near, await runContainer(lab, 'h2', 'demo'));
      } finally {
        await exchange(true);
      }
      await reachEachOther(near, far);
    });
  }

  test('two hosts that swap their underlay addresses reach each other again', async (lab) => {
    await createMirroredNetwork(lab, 'demo');
    const near = await runContainer(lab, 'h1', 'demo');
    const far = await runContainer(lab, 'h2', 'demo');
    const [one, two] = await Promise.all([lab.ip('h1'), lab.ip('h2')]);
    const swap = async (back: boolean) => {
      const [from, to] = back ? [two, one] : [one, two];
      // As a DHCP server does it: nobody has an address that another one still has.
      for (const [host, address] of [
        ['h1', from],
        ['h2', to],
      ] as const)
        await lab.in(host, 'ip', 'addr', 'del', `${address}/24`, 'dev', 'eth0');
      await Promise.all([renumber(lab, 'h1', from, to), renumber(lab, 'h2', to, from)]);
    };
    try {
      await swap(false);
      for (const host of lab.hosts) await expectNoProblem(lab, host);
      await reachEachOther(near, far);
      expect(await peerLine(lab, 'h1', 'h2')).toMatch(`${one} `);
    } finally {
      await swap(true);
    }
    for (const host of lab.hosts) await expectNoProblem(lab, host);
    await reachEachOther(near, far);
  });

  test('an underlay address that is gone is a problem until there is one again', async (lab) => {
    const address = await lab.ip('h2');
    await createMirroredNetwork(lab, 'demo');
    const near = await runContainer(lab, 'h1', 'demo');
    const moved = await runContainer(lab, 'h2', 'demo');
    await lab.in('h2', 'ip', 'addr', 'add', '198.51.100.7/32', 'dev', 'lo');
    await lab.in('h2', 'ip', 'addr', 'del', `${address}/24`, 'dev', 'eth0');
    try {
      await expectProblem(lab, 'h2', new RegExp(`underlay address ${address} is gone from this host`));
    } finally {
      await lab.in('h2', 'ip', 'addr', 'del', '198.51.100.7/32', 'dev', 'lo');
      await lab.in('h2', 'ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      await lab.in('h2', 'ip', 'route', 'replace', 'default', 'via', await lab.outside(), 'dev', 'eth0');
    }
    await reachEachOther(near, moved);
    await expectNoProblem(lab, 'h2');
  });

  test('an address given by --vtep is not exchanged for another: its loss is a problem that names it', async (lab) => {
    const [address, other] = [await lab.ip('h2'), await otherAddress(lab, 'h2')];
    await lab.xnet('h2', 'restart', '--', '--vtep', address);
    try {
      await renumber(lab, 'h2', address, other);
      await expectProblem(lab, 'h2', new RegExp(`underlay address ${address} is gone.*--vtep`));
    } finally {
      await renumber(lab, 'h2', other, address);
      await expectNoProblem(lab, 'h2');
      await lab.xnet('h2', 'restart', '--');
    }
  });

  test('new containers have the MTU of an underlay that was changed, and those there were keep their traffic', async (lab) => {
    await createMirroredNetwork(lab, 'demo');
    const near = await runContainer(lab, 'h1', 'demo');
    const old = await runContainer(lab, 'h2', 'demo');
    const setMtu = async (mtu: number) => {
      for (const host of lab.hosts) await lab.in(host, 'ip', 'link', 'set', 'eth0', 'mtu', `${mtu}`);
    };
    try {
      await setMtu(1400);
      await eventually(
        async () => expect(await lab.in('h2', 'xnet', 'status')).toMatch('(mtu 1400)'),
        FOLLOWED_MS,
      );
      const young = await runContainer(lab, 'h2', 'demo');
      expect(await young.exec('cat', '/sys/class/net/eth0/mtu')).toBe('1350');
      expect(await young.reaches(await near.address(), '-s', '1322', '-M', 'do')).toBe(true);
      expect(await old.reaches(await young.address())).toBe(true);
      expect(await old.reaches(await near.address(), '-s', '1422', '-M', 'dont')).toBe(true);
    } finally {
      await setMtu(1500);
    }
    await eventually(
      async () => expect(await lab.in('h2', 'xnet', 'status')).toMatch('(mtu 1500)'),
      FOLLOWED_MS,
    );
    const last = await runContainer(lab, 'h2', 'demo');
    expect(await last.exec('cat', '/sys/class/net/eth0/mtu')).toBe('1450');
    expect(await last.reaches(await near.address(), '-s', '1422', '-M', 'do')).toBe(true);
  });

  test("a host's new name is shown by the others, and in the errors that name it", async (lab) => {
    await createMirroredNetwork(lab, 'demo', ['--subnet', '10.201.0.0/24']);
    try {
      await lab.in('h2', 'hostname', 'renamed');
      await eventually(() => peerLine(lab, 'h1', 'renamed'), FOLLOWED_MS);
      expect(await lab.in('h1', 'xnet', 'host', 'ls')).toMatch(/renamed .*alive/);
      const options = ['--ip', '10.201.0.9'];
      await runContainer(lab, 'h2', 'demo', { options });
      await expect(runContainer(lab, 'h1', 'demo', { options })).rejects.toThrow(/renamed/);
    } finally {
      await lab.in('h2', 'hostname', 'h2');
    }
    await eventually(() => peerLine(lab, 'h1', 'h2'), FOLLOWED_MS);
  });
});
