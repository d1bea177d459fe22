/** Containers of a network with xnet.egress=deny reach outside what their label names, and nothing else. */
import { expect } from '@jest/globals';
import { printed } from '../support/attacks/frames.js';
import {
  type Container,
  CREATE,
  createMirroredNetwork,
  createSharedNetwork,
  GREETING_PORT,
  runContainer,
  succeeds,
} from '../support/containers/containers.js';
import { queryFor } from '../support/dns/dns-packets.js';
import { serveNames } from '../support/dns/name-server.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

const LABEL = ['--label', 'xnet.egress.allow=outside.lab:80,*.inside.lab'];

/** One host is cut off, and rebooted. */
const SLOW = { timeoutMs: 240_000 };

const fetches = (container: Container, url: string) => succeeds(container.exec('curl', '-s', '-m', '3', url));

/** Asks the echo server outside; it is an error where that does not answer. */
const echo = (outside: string) =>
  `echo hello | socat -t 5 - TCP:${outside}:7,connect-timeout=2 >/tmp/echo && grep hello /tmp/echo`;

/** The connection does not come about, and the kernel has counted what it dropped: it is not just slow. */
async function expectClosed(container: Container, outside: string): Promise<void> {
  const { lab, host } = container;
  const refused = () => lab.in(host, 'nft', 'list', 'counter', 'inet', 'xnet-egress', 'refused');
  const before = await refused();
  expect(await succeeds(container.exec('sh', '-c', echo(outside)))).toBe(false);
  expect(await refused()).not.toBe(before);
}

/** A container that is not closed gets there. */
async function expectOpen(lab: Lab, outside: string): Promise<void> {
  const open = await lab.docker('h1', 'run', '--rm', 'tools', 'sh', '-c', echo(outside));
  expect(open.trim()).toBe('hello');
}

/** Bytes of the answer of Docker's resolver itself, at its own port, to whoever may set marks. */
async function askDocker({ lab, host, name }: Container): Promise<number> {
  const sandbox = `$(docker inspect -f '{{.NetworkSettings.SandboxKey}}' ${name})`;
  const listen = `nsenter --net=${sandbox} ss -Hulnp | grep dockerd | grep -o '127.0.0.11:[0-9]*'`;
  const resolver = (await lab.in(host, 'sh', '-c', listen)).trim();
  const markOfXnet = 'setsockopt-int=1:36:2020500852';
  const ask = `${printed(queryFor('outside.lab'))} | socat -t 2 - UDP:${resolver},${markOfXnet} >/tmp/answer`;
  return Number(await lab.docker(host, 'exec', name, 'sh', '-c', `${ask}; wc -c </tmp/answer`));
}

describeInLab('egress', { hosts: 3 }, (test) => {
  test('by name, before the first packet, with no way around, on every host', async (lab) => {
    await createMirroredNetwork(lab, 'agents', ['-o', 'xnet.egress=deny']);
    const outside = await lab.outside();
    const job = await runContainer(lab, 'h1', 'agents', {
      name: 'job',
      options: [...LABEL, '-p', `8080:${GREETING_PORT}`],
    });
    const db = await runContainer(lab, 'h2', 'agents', { name: 'db' });
    // What it does at once is closed, too.
    const eager = await runContainer(lab, 'h3', 'agents', {
      name: 'eager',
      command: ['sh', '-c', `for i in 1 2 3 4 5; do curl -s -m 1 http://${outside}/; done; sleep 1d`],
    });
    await expectOpen(lab, outside);
    await expectClosed(job, outside);
    expect(await fetches(job, `http://${outside}/`)).toBe(false);
    expect(await job.exec('curl', '-s', '-m', '15', 'http://outside.lab/')).toBe('hello from outside');
    // The port is that of the label.
    expect(await job.reaches(outside, '-w', '1')).toBe(false);
    expect(await job.greetOverUdp(outside)).toBe('');
    expect(await job.dig('evil.lab')).toEqual([]);
    expect(await job.exec('dig', '+tries=1', '+time=5', 'evil.lab', 'TXT')).toMatch(/NXDOMAIN[\s\S]*EDE: 18/);
    for (const server of [outside, await lab.ip('h1')])
      expect(await succeeds(job.exec('dig', '+tries=1', '+time=1', `@${server}`, 'outside.lab'))).toBe(false);
    await createSharedNetwork(lab, 'free', [], ['h1']);
    const free = await runContainer(lab, 'h1', 'free', { name: 'free' });
    await eventually(
      "Docker's resolver answers whoever is not closed",
      async () => (await askDocker(free)) > 0,
    );
    expect(await askDocker(job)).toBe(0);
    expect(await job.greetOverTcp(await db.address())).toBe('db');
    expect(await db.greetOverTcp('job')).toBe('job');
    expect(await fetches(db, 'http://outside.lab/')).toBe(false);
    expect(await lab.docker('h3', 'logs', eager.name)).toBe('');
    const url = `/dev/tcp/${await lab.ip('h1')}/8080`;
    expect(await lab.in('h2', 'timeout', '15', 'bash', '-c', `cat <${url}`)).toBe('job');

    const log = await lab.in('h1', 'xnet', 'egress', 'log', 'job');
    expect(log).toMatch(/^job may reach outside: outside\.lab:80,\*\.inside\.lab$/m);
    expect(log).toMatch(/ evil\.lab +not in xnet\.egress\.allow/);
    expect(log).toMatch(new RegExp(` ${outside} udp 53 +not let through`));
    expect(await lab.in('h1', 'xnet', 'events')).toMatch(/egress refused +job evil\.lab/);
    const lan = lab.docker(
      'h1',
      ...CREATE,
      '-o',
      'xnet.mode=macvlan',
      '-o',
      'parent=eth0',
      '-o',
      'xnet.egress=deny',
      'lan',
    );
    await expect(lan).rejects.toThrow(/xnet\.egress=deny does not go with xnet\.mode=macvlan/);
  });

  test('a name that leads inside is refused; a wrong label, and another way out, are problems', async (lab) => {
    await createMirroredNetwork(lab, 'agents', ['-o', 'xnet.egress=deny']);
    const job = await runContainer(lab, 'h1', 'agents', { name: 'job', options: LABEL });
    const db = await runContainer(lab, 'h2', 'agents', { name: 'db' });
    const outside = await lab.outside();
    await using _ = await serveNames(lab, 'h1', {
      'outside.lab': outside,
      'db.inside.lab': await db.address(),
      'cloud.inside.lab': '169.254.169.254',
    });
    expect(await job.dig('outside.lab')).toEqual([outside]);
    for (const name of ['db.inside.lab', 'cloud.inside.lab']) expect(await job.dig(name)).toEqual([]);
    expect(await lab.in('h1', 'xnet', 'egress', 'log', 'job')).toMatch(
      /cloud\.inside\.lab +answered with 169\.254\.169\.254/,
    );
    await runContainer(lab, 'h1', 'agents', {
      name: 'wrong',
      options: ['--label', 'xnet.egress.allow=https://x.lab'],
    });
    await lab.docker('h1', 'network', 'connect', 'bridge', 'job');
    const status = () => lab.in('h1', 'sh', '-c', 'xnet status || test $? = 1');
    await eventually(async () =>
      expect(await status()).toMatch(/container wrong reaches nothing outside: "https:/),
    );
    await eventually(async () =>
      expect(await status()).toMatch(/container job .* goes out by network bridge/),
    );
  });

  test(
    'holds while xnet is killed, is put back where it was taken away, and after a reboot',
    async (lab) => {
      await createMirroredNetwork(lab, 'agents', ['-o', 'xnet.egress=deny']);
      const outside = await lab.outside();
      const job = await runContainer(lab, 'h1', 'agents', {
        name: 'job',
        options: [...LABEL, '--restart', 'always'],
      });
      const get = () => job.exec('curl', '-s', '-m', '15', 'http://outside.lab/');
      const isClosed = () => expectClosed(job, outside);
      await expectOpen(lab, outside);
      expect(await get()).toBe('hello from outside');
      await lab.run(['xnet', 'h1', 'kill']);
      await isClosed();
      expect(await job.exec('curl', '-s', '-m', '5', `http://${outside}/`)).toBe('hello from outside');
      await lab.run(['xnet', 'h1', 'start']);
      await eventually(async () => expect(await get()).toBe('hello from outside'));
      await lab.run(['xnet', 'h1', 'crash']);
      await eventually(async () => expect(await get()).toBe('hello from outside'));
      await isClosed();

      for (const family of ['inet', 'bridge', 'netdev'])
        await lab.in('h1', 'nft', 'delete', 'table', family, 'xnet-egress');
      await eventually(() => lab.in('h1', 'nft', 'list', 'chain', 'inet', 'xnet-egress', 'closed4'));
      await isClosed();
      expect(await get()).toBe('hello from outside');
      await eventually(async () =>
        expect(await lab.in('h1', 'xnet', 'events')).toMatch(/repair +egress-rules/),
      );

      await lab.etcd('stop');
      await isClosed();
      expect(await get()).toBe('hello from outside');
      const late = await runContainer(lab, 'h1', 'agents', { name: 'late' });
      await expectClosed(late, outside);
      expect(await late.dig('outside.lab')).toEqual([]);
      await lab.etcd('start');

      // With all that Docker has in there, until the reboot.
      await lab.in('h1', 'nft', 'flush', 'ruleset');
      await eventually(() => lab.in('h1', 'nft', 'list', 'chain', 'inet', 'xnet-egress', 'closed4'));
      for (const each of [job, late]) await expectClosed(each, outside);

      await lab.run(['reboot', 'h1']);
      await eventually(async () => expect(await get()).toBe('hello from outside'));
      await isClosed();
      await lab.docker('h1', 'rm', '-f', 'job', 'late');
      await eventually(async () =>
        expect(await lab.in('h1', 'nft', 'list', 'tables')).not.toContain('xnet-egress'),
      );
    },
    SLOW,
  );

  test('holds on a host whose docker_gwbridge has another name', async (lab) => {
    const outside = await lab.outside();
    const gateway = [
      '-o',
      'com.docker.network.bridge.name=gw0',
      '-o',
      'com.docker.network.bridge.enable_icc=false',
    ];
    await lab.xnet('h3', 'stop');
    await lab.docker('h3', 'network', 'rm', 'docker_gwbridge');
    await lab.docker('h3', 'network', 'create', ...gateway, 'docker_gwbridge');
    await lab.xnet('h3', 'start');
    await createMirroredNetwork(lab, 'agents', ['-o', 'xnet.egress=deny']);
    const job = await runContainer(lab, 'h3', 'agents', { name: 'job', options: LABEL });
    await expectClosed(job, outside);
    expect(await job.exec('curl', '-s', '-m', '15', 'http://outside.lab/')).toBe('hello from outside');
    await lab.docker('h3', 'rm', '-f', 'job');
    // xnet makes it anew, as it usually is.
    await lab.docker('h3', 'network', 'rm', 'docker_gwbridge');
  });
});
