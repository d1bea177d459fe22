/** `xnet status`: what is wrong with one host is said on every other one, and since when. */
import { expect } from '@jest/globals';
import { CREATE, createMirroredNetwork } from '../support/containers/containers.js';
import { expectNoProblem, expectProblem, statusOf } from '../support/containers/networks.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';

const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/.source;

/** A host that is restarted is no problem for 10 s; on a machine at work. */
const SILENT_MS = 30_000;

/** Of all keys in etcd. */
async function revisionOf(lab: Lab): Promise<number> {
  const answer = await lab.etcd('ctl', 'etcd1', 'get', 'nothing', '-w', 'json');
  return JSON.parse(answer).header.revision;
}

describeInLab('status', { hosts: 3 }, (test) => {
  test('a host that is silent is a problem on every other one, since when, until it is back', async (lab) => {
    await lab.xnet('h3', 'stop');
    for (const host of ['h1', 'h2']) {
      await expectProblem(
        lab,
        host,
        new RegExp(`host h3 .* is silent since ${TIME}: .*xnet host rm h3`),
        SILENT_MS,
      );
      expect(await statusOf(lab, host)).toMatch(new RegExp(`^ {2}h3 .*silent since ${TIME}$`, 'm'));
    }
    // A daemon that starts meanwhile does not know since when.
    await lab.xnet('h2', 'restart');
    await expectProblem(lab, 'h2', new RegExp(`host h3 .* is silent since before ${TIME}`), SILENT_MS);
    await lab.xnet('h3', 'start');
    for (const host of lab.hosts) await expectNoProblem(lab, host);
  });

  test('while etcd is away nobody is called alive or silent', async (lab) => {
    await lab.etcd('stop', 'etcd1');
    try {
      await expectProblem(lab, 'h1', /etcd at/);
      const status = await statusOf(lab, 'h1');
      for (const peer of ['h2', 'h3'])
        expect(status).toMatch(new RegExp(`^ {2}${peer} .*unknown \\(store away since ${TIME}\\)$`, 'm'));
      expect(status).not.toMatch(/silent/);
    } finally {
      await lab.etcd('start', 'etcd1');
    }
    for (const host of lab.hosts) await expectNoProblem(lab, host);
  });

  test("a name that is held on one host is said on all, as that host's problem, until it is free", async (lab) => {
    await lab.docker('h2', 'network', 'create', 'shop');
    await lab.docker('h1', ...CREATE, 'shop');
    await expectProblem(lab, 'h2', /network .*shop/);
    for (const host of ['h1', 'h3']) await expectProblem(lab, host, /h2: .*network .*shop/);
    const before = await revisionOf(lab);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    expect(await revisionOf(lab)).toBe(before);
    // Of a host that is gone nobody knows whether it still has the problem.
    await lab.xnet('h2', 'stop');
    await expectProblem(lab, 'h1', /host h2 .* is silent/, SILENT_MS);
    expect(await statusOf(lab, 'h1')).not.toContain('h2: ');
    await lab.docker('h2', 'network', 'rm', 'shop');
    await lab.xnet('h2', 'start');
    for (const host of lab.hosts) await expectNoProblem(lab, host);
  });

  test("names of any length leave the lines fit for reading; a network without one of xnet's is called as in Docker", async (lab) => {
    const long = 'x'.repeat(300);
    await createMirroredNetwork(lab, long);
    await lab.docker('h1', ...CREATE, '-o', 'xnet.mirror=off', 'alone');
    await expectNoProblem(lab, 'h1');
    const lines = (await lab.in('h1', 'xnet', 'status')).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(160);
    expect(lines).toContainEqual(expect.stringMatching(/^ {2}x{45}\.\.\. \([0-9a-f]{12}\) {2}vni \d+/));
    const { networks } = JSON.parse(await lab.in('h1', 'xnet', 'status', '--json'));
    expect(networks.map(({ name }: { name: string }) => name).sort()).toEqual(['alone', long]);
  });
});
