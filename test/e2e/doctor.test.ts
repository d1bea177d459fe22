/** `xnet doctor`: each fault is named as it is, the printed remedy mends it, and a healthy host has none. */
import { expect } from '@jest/globals';
import { OPERATIONS } from '../../src/admin/operations.js';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { inspectNetwork } from '../support/containers/networks.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

interface Finding {
  readonly check: string;
  readonly verdict: string;
  readonly found: string;
  readonly remedy?: string | undefined;
}

/** What is not well on the host. */
async function faults(lab: Lab, host: string): Promise<Finding[]> {
  // Exit code 1 when there is a failure.
  const text = await lab.in(host, 'sh', '-c', 'xnet doctor -o json || test $? = 1');
  const { hosts } = OPERATIONS.doctor.answer.parse(JSON.parse(text));
  return hosts.flatMap(({ findings }) => findings).filter(({ verdict }) => verdict !== 'ok');
}

async function expectFault(lab: Lab, host: string, check: string, found: RegExp): Promise<Finding> {
  let fault: Finding | undefined;
  await eventually(async () => {
    const all = await faults(lab, host);
    expect(all).toContainEqual(expect.objectContaining({ check, found: expect.stringMatching(found) }));
    fault = all.find((each) => each.check === check && found.test(each.found));
  });
  return fault as Finding;
}

async function expectHealthy(lab: Lab, hosts = lab.hosts): Promise<void> {
  for (const host of hosts) await eventually(async () => expect(await faults(lab, host)).toEqual([]));
}

/** With `--all`: the host and the check of each failure, or the reason why the host did not answer. */
async function failuresEverywhere(lab: Lab, host: string): Promise<string[]> {
  const text = await lab.in(host, 'sh', '-c', 'xnet doctor --all -o json || test $? = 1');
  const { hosts } = OPERATIONS.doctor.answer.parse(JSON.parse(text));
  return hosts.flatMap(({ host: name, refusal, findings }) => [
    ...(refusal === undefined ? [] : [`${name}: ${refusal}`]),
    ...findings.filter(({ verdict }) => verdict === 'failure').map(({ check }) => `${name}: ${check}`),
  ]);
}

describeInLab('doctor', { hosts: 2, etcd: 3 }, (test) => {
  test('finds nothing where all is well, ten times', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    await runContainer(lab, 'h1', 'shop', { name: 'db' });
    await expectHealthy(lab);
    for (let run = 0; run < 10; run += 1) expect(await faults(lab, 'h1')).toEqual([]);
    const text = await lab.in('h1', 'xnet', 'doctor', '--all');
    for (const host of lab.hosts)
      expect(text).toMatch(new RegExp(`^${host}: 0 failures, 0 warnings, \\d+ ok$`, 'm'));
  });

  test('names a firewall that drops the tunnel, and what it prints takes the rule away', async (lab) => {
    const run = (...command: string[]) => lab.in('h1', 'sh', '-c', command.join('; '));
    const table = 'nft add table inet fw';
    const open = "nft add chain inet fw input '{ type filter hook input priority 0; policy accept; }'";
    const rules = [
      [
        `${table}; ${open}; nft add rule inet fw input udp dport '{ 53, 4789 }' drop`,
        /nft rule \d+ in inet fw/,
      ],
      ['iptables-legacy -A INPUT -p udp --dport 4789 -j DROP', /iptables-legacy INPUT .*4789/],
      [
        'iptables-nft -t raw -A PREROUTING -p udp -m multiport --dports 53,4789 -j DROP',
        /iptables-nft PREROUTING/,
      ],
    ] as const;
    for (const [command, found] of rules) {
      await run(command);
      const { verdict, remedy = '' } = await expectFault(lab, 'h1', 'firewall', found);
      expect(verdict).toBe('failure');
      await run(remedy);
      expect((await faults(lab, 'h1')).filter(({ check }) => check === 'firewall')).toEqual([]);
    }
    await run(
      "nft add chain inet fw input '{ policy drop; }'",
      'nft insert rule inet fw input ct state established accept',
    );
    const { verdict, remedy = '' } = await expectFault(
      lab,
      'h1',
      'firewall',
      /chain input of inet fw drops what no rule/,
    );
    expect(verdict).toBe('warning');
    await run(remedy);
    expect((await faults(lab, 'h1')).filter(({ check }) => check === 'firewall')).toEqual([]);
    await run('nft delete table inet fw');
    await expectHealthy(lab);
  });

  test('names what is wrong in the kernel’s settings and routes', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    const { IPAM } = await inspectNetwork(lab, 'h1', 'shop');
    const subnet = IPAM.Config[0]?.Subnet ?? '';
    await lab.in('h1', 'sysctl', '-w', 'net.ipv4.ip_forward=0');
    const { remedy = '' } = await expectFault(lab, 'h1', 'kernel', /ip_forward is 0/);
    await lab.in('h1', 'sh', '-c', remedy.split(',')[0] ?? '');
    await lab.in(
      'h1',
      'sh',
      '-c',
      `ip link add tun9 type veth peer tun8 && ip link set tun9 up && ip route add ${subnet} dev tun9`,
    );
    await expectFault(
      lab,
      'h1',
      'subnets',
      new RegExp(`network shop .* overlaps this host's route to ${subnet} \\(tun9\\)`),
    );
    await lab.in('h1', 'ip', 'link', 'del', 'tun9');
    await expectHealthy(lab);
  });

  test('names a member of etcd, Docker and a host that are away', async (lab) => {
    await lab.etcd('stop', 'etcd2');
    await expectFault(lab, 'h1', 'etcd', /etcd at http.* does not answer/);
    await lab.etcd('start', 'etcd2');
    await lab.run(['dockerd', 'h2', 'stop']);
    await expectFault(lab, 'h2', 'docker', /Docker does not answer/);
    expect(await failuresEverywhere(lab, 'h1')).toEqual(expect.arrayContaining(['h2: docker']));
    await lab.run(['dockerd', 'h2', 'start']);
    await lab.xnet('h2', 'stop');
    await expectFault(lab, 'h1', 'status', /host h2 .* is silent/);
    await lab.xnet('h2', 'start');
    await expectHealthy(lab);
  });

  test('names what is there twice, what others altered, and a daemon that died', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    for (const host of lab.hosts) await runContainer(lab, host, 'shop', { name: 'web' });
    await expectFault(
      lab,
      'h1',
      'doubles',
      /network shop: the container name web is that of web on h1 and of web on h2/,
    );
    await lab.docker('h2', 'rename', 'web', 'web2');
    await eventually(async () => {
      expect((await faults(lab, 'h1')).filter(({ check }) => check === 'doubles')).toEqual([]);
    });
    const namespace = `xnet-${(await lab.in('h1', 'xnet', 'network', 'show', 'shop', '-o', 'json')).match(/"id": "(\w+)"/)?.[1]}`;
    await lab.in('h1', 'ip', 'netns', 'exec', namespace, 'ip', 'link', 'del', 'vxlan0');
    await expectFault(lab, 'h1', 'drift', /vxlan 1/);
    await lab.xnet('h2', 'crash');
    await expectFault(lab, 'h2', 'keeper', /the daemon died 1 times/);
  });
});
