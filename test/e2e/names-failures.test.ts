import { expect } from '@jest/globals';
import { Container, createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { statusOf } from '../support/containers/networks.js';
import type { Engine, Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** Has the `nft` that xnet runs fail in every container, and only there, while `body` runs. */
async function whileNftFails(lab: Lab, host: string, body: () => Promise<void>): Promise<void> {
  const wrapper = [
    '#!/bin/sh',
    'rules=$(cat)',
    'case $rules in *127.0.0.11*) echo "Error: no rules today" >&2; exit 1 ;; esac',
    'printf "%s\\n" "$rules" | /run/real-nft "$@"',
  ].join('\n');
  await lab.in(
    host,
    'sh',
    '-c',
    `cp /usr/sbin/nft /run/real-nft && printf '%s\\n' "$1" >/run/nft && chmod 755 /run/nft && mount --bind /run/nft /usr/sbin/nft`,
    'sh',
    wrapper,
  );
  try {
    await body();
  } finally {
    await lab.in(host, 'sh', '-c', 'umount /usr/sbin/nft && rm /run/nft /run/real-nft');
  }
}

async function startPair(lab: Lab): Promise<[Container, Container]> {
  await createMirroredNetwork(lab, 'shop');
  const web = await runContainer(lab, 'h1', 'shop', { name: 'web' });
  const db = await runContainer(lab, 'h2', 'shop', { name: 'db' });
  return [web, db];
}

async function finds(from: Container, name: string, address: string) {
  await eventually(`${from.name} finds ${name}`, async () => (await from.dig(name)).join() === address);
}

for (const engine of ['28', '20.10'] satisfies Engine[]) {
  describeInLab(`names when something fails on Docker ${engine}`, { hosts: 2, engine }, (test) => {
    test(
      'an nft that fails: the container starts with Docker alone, the status says why, and it is mended afterwards',
      async (lab) => {
        const [web, db] = await startPair(lab);
        const address = await db.address();
        await finds(web, 'db', address);
        await whileNftFails(lab, 'h1', async () => {
          const late = await runContainer(lab, 'h1', 'shop', { name: 'late' });
          expect(await late.dig('web')).toEqual([await web.address()]);
          expect(await late.dig('outside.lab')).toEqual([await lab.outside()]);
          expect(await late.dig('db')).toEqual([]);
          const status = await statusOf(lab, 'h1');
          expect(status).toMatch(/without a resolver of ours.*no rules today/);
          expect(await web.dig('db')).toEqual([address]);
        });
        const late = new Container(lab, 'h1', 'late', 'shop');
        await eventually(
          'the container has its resolver',
          async () => (await late.dig('db')).length > 0,
          40_000,
        );
      },
      { timeoutMs: 120_000 },
    );

    test(
      'no free TCP port in the sandbox: the container is connected with Docker alone, and gets its resolver later',
      async (lab) => {
        const [, db] = await startPair(lab);
        await lab.docker('h1', 'network', 'create', 'private');
        const options = ['--sysctl', 'net.ipv4.ip_local_port_range=50000 50007'];
        const full = await runContainer(lab, 'h1', 'private', { name: 'full', options });
        // Docker's own resolver has one of them. UDP ports are left to the clients.
        const take =
          'for port in $(seq 50000 50007); do socat -u TCP4-LISTEN:$port,bind=127.0.0.11 - & done; wait';
        await lab.docker('h1', 'exec', '-d', 'full', 'sh', '-c', take);
        const taken = async () => (await full.exec('sh', '-c', 'ss -Hlnt | grep -c 127.0.0.11:5000')) === '8';
        await eventually('every port is taken', taken);
        await lab.docker('h1', 'network', 'connect', 'shop', 'full');
        expect(await full.dig('full')).not.toEqual([]);
        expect(await full.dig('db')).toEqual([]);
        expect(await lab.in('h1', 'xnet', 'status')).toContain('without a resolver of ours');
        await full.exec(
          'sh',
          '-c',
          'kill $(grep -l TCP4-LISTE[N] /proc/[0-9]*/comm /proc/[0-9]*/cmdline | cut -d / -f 3)',
        );
        const isMended = async () => (await full.dig('db')).join() === (await db.address());
        await eventually('the container has its resolver', isMended, 40_000);
        await lab.docker('h1', 'rm', '-f', 'full');
        await lab.docker('h1', 'network', 'rm', 'private');
      },
      { timeoutMs: 120_000 },
    );

    test(
      'dockerd restarts: look-ups go on for containers that run on (live-restore)',
      async (lab) => {
        await lab.dockerd('h1', 'restart', '--live-restore');
        const [web, db] = await startPair(lab);
        const address = await db.address();
        await finds(web, 'db', address);
        await lab.dockerd('h1', 'kill');
        await lab.dockerd('h1', 'start', '--live-restore');
        await finds(web, 'db', address);
        expect(await web.dig('outside.lab')).toEqual([await lab.outside()]);
      },
      { timeoutMs: 120_000 },
    );
  });
}
