/** Faults that are injected one after the other: `xnet doctor` names each as it is, and what it prints mends it. */
import { expect } from '@jest/globals';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { ETCD_FAULTS } from '../support/faults/etcd-faults.js';
import { expectHealthy, type Fault, faultsOf, goThrough, runRemedy, sh } from '../support/faults/fault.js';
import { PACKET_FAULTS } from '../support/faults/packet-faults.js';
import { SERVICE_FAULTS } from '../support/faults/service-faults.js';
import { SYSTEMD_FAULTS } from '../support/faults/systemd-faults.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { problemsOf } from '../support/lab/xnet-answer.js';
import { eventually } from '../support/time/eventually.js';

const RUNS = 10;

/** A network on three hosts; a container of it runs on h1. */
async function prepare(lab: Lab): Promise<void> {
  await createMirroredNetwork(lab, 'shop');
  await runContainer(lab, 'h1', 'shop', { name: 'db' });
}

/** Those that do not end as they shall, each with the reason. */
async function goThroughAll(lab: Lab, faults: readonly Fault[]): Promise<string[]> {
  const failed: string[] = [];
  for (const fault of faults)
    await goThrough(lab, fault).catch((error: unknown) => failed.push(`${fault.name}: ${error}`));
  return failed;
}

describeInLab('faults', { hosts: 3, etcd: 3, etcdTls: true }, (test) => {
  test('none is named on healthy hosts, in ten runs, nor for what does no harm', async (lab) => {
    await prepare(lab);
    await expectHealthy(lab);
    for (let run = 0; run < RUNS; run += 1) expect(await faultsOf(lab, 'h1', '--all')).toEqual([]);
    // The two halves of a VPN's default route; no IPv6.
    const vpn = 'ip link add tun9 type veth peer tun8 && ip link set tun9 up && ip link set tun8 up';
    await sh('h1', `${vpn} && ip route add 0.0.0.0/1 dev tun9 && ip route add 128.0.0.0/1 dev tun9`)(lab);
    await sh('h1', 'sysctl -w net.ipv6.conf.all.disable_ipv6=1')(lab);
    expect(await faultsOf(lab, 'h1')).toEqual([]);
    await sh('h1', 'ip link del tun9; sysctl -w net.ipv6.conf.all.disable_ipv6=0')(lab);
  });

  test(
    'what containers lose of the outside is a problem within a minute, and one finding each',
    async (lab) => {
      await prepare(lab);
      await sh('h1', 'sysctl -w net.ipv4.ip_forward=0; iptables -t nat -F POSTROUTING')(lab);
      await eventually(
        async () =>
          expect(await problemsOf(lab, 'h1')).toEqual([
            expect.stringMatching(/^net\.ipv4\.ip_forward is 0: .*; sysctl -w net\.ipv4\.ip_forward=1/),
            expect.stringMatching(
              /^containers reach nothing outside: no rule .*; iptables -t nat -A POSTROUTING/,
            ),
          ]),
        60_000,
      );
      const faults = await faultsOf(lab, 'h1');
      expect(faults.map(({ check }) => check).sort()).toEqual(['kernel', 'outside']);
      for (const { remedy = '' } of faults) await runRemedy(lab, 'h1', remedy);
      await eventually(async () => expect(await problemsOf(lab, 'h1')).toEqual([]), 60_000);
    },
    { timeoutMs: 180_000 },
  );

  test(
    'each is named as it is, and what is printed mends it',
    async (lab) => {
      await prepare(lab);
      expect(await goThroughAll(lab, [...PACKET_FAULTS, ...SERVICE_FAULTS, ...ETCD_FAULTS])).toEqual([]);
      await expectHealthy(lab);
    },
    { timeoutMs: 400_000, logsErrors: true },
  );
});

describeInLab('faults of units', { hosts: 1, etcd: 0, systemd: ['h1'] }, (test) => {
  test('each is named as it is, and what is printed mends it', async (lab) => {
    await lab.in('h1', '/opt/xnet/plugin/install');
    await expectHealthy(lab);
    expect(await goThroughAll(lab, SYSTEMD_FAULTS)).toEqual([]);
    await lab.in('h1', '/usr/local/lib/xnet/plugin/uninstall', '--purge');
  });
});
