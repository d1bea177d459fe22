/** `xnet doctor`: on this host and on all; what of the cluster is away, and what others did. Faults and their remedies: faults.test.ts. */
import { expect } from '@jest/globals';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { expectFault, expectHealthy, faultsOf } from '../support/faults/fault.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { xnetAnswer } from '../support/lab/xnet-answer.js';
import { eventually } from '../support/time/eventually.js';

/** With `--all`: the host and the check of each failure, or the reason why the host did not answer. */
async function failuresEverywhere(lab: Lab, host: string): Promise<string[]> {
  const { hosts } = await xnetAnswer(lab, host, 'doctor', '--all');
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
    for (let run = 0; run < 10; run += 1) expect(await faultsOf(lab, 'h1')).toEqual([]);
    const text = await lab.in('h1', 'xnet', 'doctor', '--all');
    for (const host of lab.hosts)
      expect(text).toMatch(new RegExp(`^${host}: 0 failures, 0 warnings, \\d+ ok$`, 'm'));
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
      expect((await faultsOf(lab, 'h1')).filter(({ check }) => check === 'doubles')).toEqual([]);
    });
    const namespace = `xnet-${(await lab.in('h1', 'xnet', 'network', 'show', 'shop', '-o', 'json')).match(/"id": "(\w+)"/)?.[1]}`;
    await lab.in('h1', 'ip', 'netns', 'exec', namespace, 'ip', 'link', 'del', 'vxlan0');
    await expectFault(lab, 'h1', 'drift', /vxlan 1/);
    await lab.xnet('h2', 'crash');
    await expectFault(lab, 'h2', 'keeper', /the daemon died 1 times/);
  });
});
