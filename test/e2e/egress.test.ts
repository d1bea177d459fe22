/** Containers of a network with xnet.egress=deny reach outside what their label names, and nothing else. */
import { expect } from '@jest/globals';
import {
  type Container,
  CREATE,
  createMirroredNetwork,
  GREETING_PORT,
  runContainer,
  succeeds,
} from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

const LABEL = ['--label', 'xnet.egress.allow=outside.lab:80,*.inside.lab'];

const fetches = (container: Container, url: string) => succeeds(container.exec('curl', '-s', '-m', '3', url));

/** A name server on h1, of names below inside.lab: of a container, and of where clouds keep their secrets. */
async function serveNames(lab: Lab, outside: string, inside: string) {
  const script = `
    const socket = require('dgram').createSocket('udp4');
    const addresses = { 'outside.lab': '${outside}', 'db.inside.lab': '${inside}', 'cloud.inside.lab': '169.254.169.254' };
    socket.on('message', (query, from) => {
      const labels = [];
      let at = 12;
      for (; query[at]; at += query[at] + 1) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
      const end = at + 5;
      const address = query[end - 3] === 1 && addresses[labels.join('.').toLowerCase()];
      const header = Buffer.from(query.subarray(0, 12));
      header.writeUInt16BE(0x8180, 2);
      header.writeUInt32BE(address ? 0x10000 : 0, 6);
      header.writeUInt16BE(0, 10);
      const record = address ? [Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, ...address.split('.').map(Number)])] : [];
      socket.send(Buffer.concat([header, query.subarray(12, end), ...record]), from.port, from.address);
    }).bind(53, '127.0.0.1');`;
  const server = lab.start('h1', 'node', '-e', script);
  await lab.in('h1', 'sh', '-c', 'echo nameserver 127.0.0.1 >/etc/resolv.conf');
  await eventually(async () => expect(await lab.in('h1', 'dig', '+short', 'outside.lab')).toBe(outside));
  return server;
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
    expect(await fetches(job, `http://${outside}/`)).toBe(false);
    expect(await job.exec('curl', '-s', '-m', '15', 'http://outside.lab/')).toBe('hello from outside');
    // The port is that of the label.
    expect(await job.reaches(outside, '-w', '1')).toBe(false);
    expect(await job.greetOverUdp(outside)).toBe('');
    expect(await job.dig('evil.lab')).toEqual([]);
    expect(await job.exec('dig', '+tries=1', '+time=5', 'evil.lab', 'TXT')).toMatch(/NXDOMAIN[\s\S]*EDE: 18/);
    for (const server of [outside, await lab.ip('h1')])
      expect(await succeeds(job.exec('dig', '+tries=1', '+time=1', `@${server}`, 'outside.lab'))).toBe(false);
    // Docker's resolver itself, at its own port, by whoever may set marks.
    const asks = `import socket,struct
for line in open('/proc/net/udp').read().splitlines()[1:]:
  port=int(line.split()[1].split(':')[1],16)
  s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(0.3)
  try:
    s.setsockopt(1,36,0x786e6574)
    s.sendto(bytes.fromhex('0001010000010000000000000765766561657274036c61620000010001'),('127.0.0.11',port)); s.recv(512); print('answered',port)
  except OSError: pass`;
    expect(
      await job.exec('sh', '-c', `command -v python3 >/dev/null && python3 -c "$0" || true`, asks),
    ).not.toMatch(/answered/);
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
    const names = await serveNames(lab, outside, await db.address());
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
    await lab.in('h1', 'sh', '-c', `echo nameserver ${outside} >/etc/resolv.conf`);
    await names.stop();
  });

  test('holds while xnet is killed, is put back where it was taken away, and after a reboot', async (lab) => {
    await createMirroredNetwork(lab, 'agents', ['-o', 'xnet.egress=deny']);
    const outside = await lab.outside();
    const job = await runContainer(lab, 'h1', 'agents', {
      name: 'job',
      options: [...LABEL, '--restart', 'always'],
    });
    const get = () => job.exec('curl', '-s', '-m', '15', 'http://outside.lab/');
    const isClosed = async () => expect(await fetches(job, `http://${outside}:7/`)).toBe(false);
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

    await lab.run(['reboot', 'h1']);
    await eventually(async () => expect(await get()).toBe('hello from outside'));
    await isClosed();
    await lab.docker('h1', 'rm', '-f', 'job');
    await eventually(async () =>
      expect(await lab.in('h1', 'nft', 'list', 'tables')).not.toContain('xnet-egress'),
    );
  });
});
