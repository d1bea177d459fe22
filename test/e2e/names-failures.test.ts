import { expect } from '@jest/globals';
import { type Container, createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { statusOf } from '../support/containers/networks.js';
import type { Engine, Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** Runs `nft` in the container's network namespace. */
async function nftIn(lab: Lab, { host, name }: Container, rules: string): Promise<void> {
  const sandbox = await lab.docker(host, 'inspect', '-f', '{{.NetworkSettings.SandboxKey}}', name);
  await lab.in(host, 'nsenter', `--net=${sandbox}`, 'nft', rules);
}

async function startPair(lab: Lab): Promise<[Container, Container]> {
  await createMirroredNetwork(lab, 'shop');
  const web = await runContainer(lab, 'h1', 'shop', { name: 'web' });
  const db = await runContainer(lab, 'h2', 'shop', { name: 'db' });
  return [web, db];
}

async function finds(from: Container, name: string, address: string, timeoutMs?: number) {
  const isFound = async () => (await from.dig(name)).join() === address;
  await eventually(`${from.name} finds ${name}`, isFound, timeoutMs);
}

for (const engine of ['28', '20.10'] satisfies Engine[]) {
  describeInLab(`names when something fails on Docker ${engine}`, { hosts: 2, engine }, (test) => {
    test(
      'rules that the kernel refuses: the container is connected with Docker alone, the status says why, and it is mended afterwards',
      async (lab) => {
        const [web, db] = await startPair(lab);
        const address = await db.address();
        await finds(web, 'db', address);
        await lab.docker('h1', 'network', 'create', 'private');
        const late = await runContainer(lab, 'h1', 'private', { name: 'late' });
        // Another's chain has the name of ours, and another hook.
        await nftIn(
          lab,
          late,
          'add table ip xnet; add chain ip xnet output { type filter hook input priority 0; }',
        );
        await lab.docker('h1', 'network', 'connect', 'shop', 'late');
        expect(await late.dig('web')).toEqual([await web.address()]);
        expect(await late.dig('outside.lab')).toEqual([await lab.outside()]);
        expect(await late.dig('db')).toEqual([]);
        const status = await statusOf(lab, 'h1');
        expect(status).toMatch(/without a resolver of ours.*nft -f -/);
        expect(await web.dig('db')).toEqual([address]);
        await nftIn(lab, late, 'delete table ip xnet');
        await finds(late, 'db', address, 40_000);
        await lab.docker('h1', 'rm', '-f', 'late');
        await lab.docker('h1', 'network', 'rm', 'private');
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
