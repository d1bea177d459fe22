/** What containers try, against others of their network and to get out (docs/security-model.md); beside attacks.test.ts. */
import { expect } from '@jest/globals';
import { expectToFail } from '../support/attacks/attempts.js';
import { CLOSED, REBOUND } from '../support/attacks/closed.js';
import { honestArrives, NEIGHBOUR, neighboursOf } from '../support/attacks/neighbour.js';
import { createSharedNetwork, runContainer } from '../support/containers/containers.js';
import { serveNames } from '../support/dns/name-server.js';
import { describeInLab } from '../support/lab/lab-suite.js';

/** Raw frames alone need less, but not the program that sends them. */
const MIGHTY = ['--cap-add', 'NET_ADMIN'];

describeInLab('attacks of containers', { hosts: 2 }, (test) => {
  test('on their neighbours fail', async (lab) => {
    await createSharedNetwork(lab, 'shop');
    const [attacker, victim, friend] = await Promise.all([
      runContainer(lab, 'h1', 'shop', { name: 'attacker', options: MIGHTY }),
      runContainer(lab, 'h2', 'shop', { name: 'victim' }),
      runContainer(lab, 'h2', 'shop', { name: 'friend' }),
    ]);
    const scene = await neighboursOf(attacker, victim, friend);
    expect(await honestArrives(scene)).toBe(true);
    await expectToFail(scene, NEIGHBOUR);
  });

  test('that are closed, on what is outside, fail', async (lab) => {
    await createSharedNetwork(lab, 'agents', ['-o', 'xnet.egress=deny'], ['h1']);
    const outside = await lab.outside();
    await using names = await serveNames(lab, 'h1', { 'shop.inside.lab': outside, ...REBOUND });
    const options = [...MIGHTY, '--label', 'xnet.egress.allow=*.inside.lab:7/tcp'];
    const container = await runContainer(lab, 'h1', 'agents', { name: 'job', options });
    // What it may is let through: that port of that name alone.
    const echo = 'echo hello | socat -t 2 - TCP:shop.inside.lab:7,retry=3';
    expect(await container.exec('sh', '-c', echo)).toBe('hello');
    await expectToFail({ container, outside, etcd: await lab.ip('etcd1'), names }, CLOSED);
  });
});
