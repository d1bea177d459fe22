/** `xnet events`: what has happened on one host and on all, as it is known to Docker, the kernel and etcd. */
import { expect } from '@jest/globals';
import { eventsAnswer } from '../../src/admin/answers.js';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** A host that is restarted is silent after 10 s; on a machine at work. */
const SILENT_MS = 30_000;

/** `HOST EVENT WHAT` of each, the earliest first. */
async function eventsOf(lab: Lab, host: string, ...words: string[]): Promise<string[]> {
  const answer = eventsAnswer.parse(JSON.parse(await lab.in(host, 'xnet', 'events', ...words, '-o', 'json')));
  expect(answer.refusals).toEqual([]);
  return answer.items.map((item) => `${item.host} ${item.kind} ${item.what}`);
}

function expectEvent(
  lab: Lab,
  event: RegExp,
  words: readonly string[] = ['--all'],
  timeoutMs?: number,
): Promise<void> {
  return eventually(async () => {
    expect(await eventsOf(lab, 'h1', ...words)).toContainEqual(expect.stringMatching(event));
  }, timeoutMs);
}

describeInLab('events', { hosts: 2 }, (test) => {
  test('of containers and networks on all hosts, from any of them', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    await runContainer(lab, 'h2', 'shop', { name: 'web' });
    await expectEvent(lab, /^h2 endpoint up web \([\d.]+\) in shop$/);
    await expectEvent(lab, /^h1 network created shop/);
    await expectEvent(lab, /^h2 network created shop/);
    await lab.docker('h2', 'rm', '-f', 'web');
    await expectEvent(lab, /^h2 endpoint down web \([\d.]+\) in shop$/);
    await lab.docker('h1', 'network', 'rm', 'shop');
    await expectEvent(lab, /^h2 network removed shop/);
    expect(await eventsOf(lab, 'h1')).not.toContainEqual(expect.stringMatching(/^h2/));
    expect(await eventsOf(lab, 'h1', '--since', '2030-01-01T00:00:00Z')).toEqual([]);
    await expect(eventsOf(lab, 'h1', '--since', 'yesterday')).rejects.toThrow(
      /--since "yesterday" is no time; give 10m/,
    );
  });

  test('as they happen, on all hosts', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    const following = lab.start('h1', 'xnet', 'events', '--follow', '--all');
    try {
      await eventually(async () => {
        const { name } = await runContainer(lab, 'h2', 'shop');
        await eventually(
          () => expect(following.output).toMatch(new RegExp(`h2  endpoint up  ${name} `)),
          3_000,
        );
      }, 30_000);
    } finally {
      await following.stop();
    }
    // The question ends with the one who asked.
    await eventually(async () =>
      expect(await lab.etcd('ctl', 'etcd1', 'get', '/xnet/questions/', '--prefix')).toBe(''),
    );
  });

  test('of a host that falls silent, of etcd that is away, of what others alter, of a daemon that dies', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    await runContainer(lab, 'h1', 'shop', { name: 'db' });
    await lab.xnet('h2', 'stop');
    await expectEvent(lab, /^h1 host silent h2$/, [], SILENT_MS);
    await lab.xnet('h2', 'start');
    await expectEvent(lab, /^h1 host alive h2$/, [], SILENT_MS);
    await expectEvent(lab, /^h2 daemon stopped xnet/);
    await lab.etcd('stop', 'etcd1');
    try {
      // Found out by the next call: the sign of life is renewed every few seconds.
      await expectEvent(lab, /^h1 store away etcd/, [], SILENT_MS);
    } finally {
      await lab.etcd('start', 'etcd1');
    }
    await expectEvent(lab, /^h1 store back/, [], SILENT_MS);
    const { networks } = JSON.parse(await lab.in('h1', 'xnet', 'status', '--json'));
    await lab.in('h1', 'ip', 'netns', 'exec', `xnet-${networks[0].id}`, 'ip', 'link', 'del', 'vxlan0');
    await expectEvent(lab, /^h1 repair vxlan: 1/, []);
    await lab.xnet('h1', 'crash');
    await eventually(async () => {
      const starts = (await eventsOf(lab, 'h1')).filter((event) => event.startsWith('h1 daemon started'));
      expect(starts.length).toBeGreaterThanOrEqual(2);
    });
    expect(await lab.in('h1', 'xnet', 'events')).toMatch(/^\S+Z +h1 +host silent +h2$/m);
  });
});
