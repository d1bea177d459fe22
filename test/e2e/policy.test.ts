/** Policies and isolation on three hosts: what they let through and what not, whatever becomes of xnet, etcd, the rules and the hosts. */
import { expect } from '@jest/globals';
import { type Container, createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { expectNoProblem } from '../support/containers/networks.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { xnetAnswer } from '../support/lab/xnet-answer.js';
import { eventually } from '../support/time/eventually.js';

const DB_FROM_WEB = `policy: db-only-from-web
to: { app: db }
allow:
  - from: { app: web }
    ports: [7/tcp]
`;

const apply = (lab: Lab, policy: string, host = 'h1') =>
  lab.in(host, 'sh', '-c', `printf '%s' "$1" | xnet policy apply -`, 'sh', policy);

/** Whether it answers one attempt, within a second. */
async function reaches(from: Container, to: string, kind: 'TCP' | 'UDP' = 'TCP'): Promise<boolean> {
  const target =
    kind === 'TCP'
      ? `socat -T 1 -u TCP:${to}:7,connect-timeout=1 -`
      : `echo hi | socat -t 1 - UDP:${to}:7,shut-none`;
  return (await from.exec('sh', '-c', `(${target}) 2>/dev/null || true`)).trim() !== '';
}

const labelled = (app: string) => ['--label', `app=${app}`, '--restart', 'always'];

describeInLab('policy', { hosts: 3 }, (test) => {
  test('a policy and isolation hold on all hosts, also while they are changed, and without xnet, etcd, or after a flush or a reboot', async (lab) => {
    await createMirroredNetwork(lab, 'shop');
    await createMirroredNetwork(lab, 'apart', ['-o', 'xnet.isolate=on']);
    const [web, other, db] = await Promise.all([
      runContainer(lab, 'h1', 'shop', { name: 'web', options: labelled('web') }),
      runContainer(lab, 'h2', 'shop', { name: 'other', options: labelled('other') }),
      runContainer(lab, 'h3', 'shop', { name: 'db', options: labelled('db') }),
    ]);
    const expectInForce = async () => {
      expect(await reaches(web, 'db')).toBe(true);
      expect(await reaches(other, 'db')).toBe(false);
      expect(await reaches(web, 'db', 'UDP')).toBe(false);
      expect(await reaches(db, 'other')).toBe(true);
      expect(await reaches(db, 'other', 'UDP')).toBe(true);
      expect(await reaches(other, 'web')).toBe(true);
    };
    expect(await reaches(other, 'db')).toBe(true);

    // Refused whole, applied, unchanged; in force everywhere within a second.
    const bad = await apply(lab, DB_FROM_WEB.replace('7/tcp', '7/http')).catch(String);
    expect(bad).toContain('standard input:5:13: allow.0.ports.0: a port is such as');
    expect(await lab.in('h1', 'xnet', 'policy', 'ls', '-o', 'json')).toContain('"items": []');
    expect(await apply(lab, DB_FROM_WEB)).toContain('policy db-only-from-web created');
    const began = performance.now();
    await eventually('it is in force', async () => (await reaches(other, 'db')) === false, 10_000);
    console.info(
      `a policy was seen to be in force ${Math.round(performance.now() - began)} ms after it was applied`,
    );
    expect(await apply(lab, DB_FROM_WEB, 'h2')).toContain('policy db-only-from-web unchanged');
    await expectInForce();

    // The first packet of a container that is let in passes, and that of another one does not.
    const once = (app: string) =>
      lab.docker(
        'h2',
        'run',
        '--rm',
        '--network',
        'shop',
        '--label',
        `app=${app}`,
        'tools',
        'sh',
        '-c',
        'socat -T 1 -u TCP:db:7,connect-timeout=1 - || true',
      );
    expect(await once('web')).toContain('db');
    expect(await once('more')).not.toContain('db');

    const said = async (from: string, ...words: string[]) =>
      JSON.parse(
        await lab.in('h2', 'sh', '-c', `xnet policy test ${from} ${words.join(' ')} -o json || true`),
      );
    expect(await said('web', 'db', '7')).toMatchObject({
      networks: [{ network: 'shop', verdict: 'allowed', why: 'policy db-only-from-web, rule 1' }],
      probe: { verdict: 'passed' },
    });
    expect(await said('other', 'db', '7')).toMatchObject({
      networks: [{ verdict: 'denied' }],
      probe: { verdict: 'lost' },
    });

    // Changed under load: what is allowed before and after is never interrupted.
    const load = lab.start(
      'h1',
      'docker',
      'exec',
      'web',
      'sh',
      '-c',
      'while sleep 0.05; do timeout 1 socat -T 1 -u TCP:db:7 - || echo lost; done',
    );
    for (let i = 0; i < 5; i++) {
      await apply(lab, DB_FROM_WEB.replace('[7/tcp]', `[7/tcp, ${100 + i}/tcp]`), `h${1 + (i % 3)}`);
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    await load.stop();
    expect(load.output).toContain('db');
    expect(load.output).not.toContain('lost');
    await apply(lab, DB_FROM_WEB);
    await expectInForce();

    const address = await db.address();
    await Promise.all(['h1', 'h3'].map((host) => lab.xnet(host, 'kill')));
    await expectHeld(web, other, address);
    await Promise.all(['h1', 'h3'].map((host) => lab.xnet(host, 'start')));
    await lab.etcd('stop');
    await expectHeld(web, other, address);
    await lab.etcd('start');

    const id = (await xnetAnswer(lab, 'h1', 'networks')).items.find(({ name }) => name === 'shop')?.id;
    for (const host of ['h2', 'h3'])
      await lab.in(host, 'ip', 'netns', 'exec', `xnet-${id}`, 'nft', 'flush', 'ruleset');
    await eventually(
      'the rules are there again',
      async () => ((await xnetAnswer(lab, 'h3', 'status')).repairs.policy ?? 0) >= 1,
    );
    expect(await reaches(other, 'db')).toBe(false);

    await lab.run(['reboot', 'h3']);
    await eventually('it is reached again', async () => reaches(web, 'db'), 20_000);
    expect(await reaches(other, 'db')).toBe(false);

    const shown = await lab.in('h2', 'xnet', 'policy', 'show', 'db-only-from-web');
    expect(shown).toMatch(/1 +app=web +7\/tcp +[1-9]/);
    expect(shown).toMatch(/[1-9]\d* packets dropped/);
    expect(shown).toMatch(/db +shop +h3 +yes/);
    await eventually('it is an event', async () =>
      (await lab.in('h2', 'xnet', 'events')).includes('policy db-only-from-web: other -> db:7/tcp dropped'),
    );

    // An audit drops nothing.
    await apply(lab, `${DB_FROM_WEB}audit: true\n`);
    await eventually('it is an audit', async () => reaches(other, 'db'), 10_000);

    // What was learned lets pass what passes.
    const learning = lab.in('h3', 'xnet', 'policy', 'learn', 'shop', '--seconds', '4');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await reaches(other, 'db')).toBe(true);
    const learned = await learning;
    expect(learned).toContain('app: other');
    expect(learned).toContain('- 7/tcp');
    expect(await apply(lab, learned)).toContain('policy shop-db created');
    await lab.in('h1', 'xnet', 'policy', 'rm', 'shop-db');
    await lab.in('h1', 'xnet', 'policy', 'rm', 'db-only-from-web');
    await eventually('nothing is in force', async () => reaches(web, 'db', 'UDP'), 10_000);

    const gateway = ['--label', 'xnet.gateway=true'];
    const [proxy, one, two] = await Promise.all([
      runContainer(lab, 'h1', 'apart', { name: 'proxy', options: gateway }),
      runContainer(lab, 'h2', 'apart', { name: 'one' }),
      runContainer(lab, 'h3', 'apart', { name: 'two' }),
    ]);
    await eventually('the gateway is known', async () => reaches(one, 'proxy'), 10_000);
    expect(await reaches(proxy, 'one')).toBe(true);
    expect(await reaches(proxy, 'two', 'UDP')).toBe(true);
    expect(await one.dig('two')).toEqual([await two.address()]);
    expect(await reaches(one, 'two')).toBe(false);
    expect(await reaches(two, 'one', 'UDP')).toBe(false);
    const beside = await runContainer(lab, 'h2', 'apart', { name: 'beside' });
    expect(await reaches(one, await beside.address())).toBe(false);
    const refused = await lab
      .docker(
        'h1',
        'network',
        'create',
        '-d',
        'xnet',
        '-o',
        'xnet.mode=routed',
        '-o',
        'xnet.isolate=on',
        'no',
      )
      .catch(String);
    expect(refused).toContain('xnet.isolate=on does not go with xnet.mode=routed');
    for (const host of lab.hosts) await expectNoProblem(lab, host);
  });
});

/** While xnet runs nowhere on some hosts, so that no name is answered there, or etcd is away. */
async function expectHeld(web: Container, other: Container, address: string): Promise<void> {
  expect(await reaches(web, address)).toBe(true);
  expect(await reaches(other, address)).toBe(false);
}
