import { expect } from '@jest/globals';
import { type Container, createMirroredNetwork, runContainer } from '../support/containers.js';
import type { Engine, Lab } from '../support/lab.js';
import { describeInLab } from '../support/lab-suite.js';
import { eventually } from '../support/netns.js';

/** A client on h1 and a server of the alias `api` on h2 and on h3. */
async function startServers(lab: Lab, options: readonly string[] = []) {
  await createMirroredNetwork(lab, 'shop');
  const alias = ['--network-alias', 'api', ...options];
  const client = await runContainer(lab, 'h1', 'shop', { name: 'client' });
  const near = await runContainer(lab, 'h2', 'shop', { name: 'near', options: alias });
  const far = await runContainer(lab, 'h3', 'shop', { name: 'far', options: alias });
  const addresses = [await near.address(), await far.address()] as const;
  await finds(client, 'api', addresses);
  return { client, near, far, addresses };
}

async function finds(from: Container, name: string, addresses: readonly string[], timeoutMs = 5_000) {
  const isSo = async () => (await from.dig(name)).sort().join() === [...addresses].sort().join();
  await eventually(`${from.name} finds ${addresses.join(' and ') || 'nothing'} at ${name}`, isSo, timeoutMs);
}

/** The order among equals is drawn: eight times first is no chance. */
async function ranksFirst(from: Container, name: string, address: string): Promise<boolean> {
  for (let asked = 0; asked < 8; asked++) if ((await from.dig(name))[0] !== address) return false;
  return true;
}

for (const engine of ['28', '20.10'] satisfies Engine[]) {
  describeInLab(`names in outages on Docker ${engine}`, { hosts: 3, engine }, (test) => {
    test(
      'the names of a host that lost power rank last, and are right when it is back',
      async (lab) => {
        const { client, addresses } = await startServers(lab, ['--restart', 'always']);
        const [near, far] = addresses;
        const lost = await runContainer(lab, 'h3', 'shop', { name: 'lost' });
        await finds(client, 'lost', [await lost.address()]);
        process.kill(Number(await lab.run(['pid', 'h3'])), 'SIGKILL');
        await eventually('the dead host ranks last', () => ranksFirst(client, 'api', near), 15_000);
        expect((await client.dig('api')).sort()).toEqual([near, far].sort());
        await lab.run(['reboot', 'h3']);
        const isBack = async () => (await lab.docker('h3', 'ps', '-q', '-f', 'name=far')) !== '';
        await eventually('the container runs again', isBack, 30_000);
        const again = await lab.docker(
          'h3',
          'inspect',
          '-f',
          '{{.NetworkSettings.Networks.shop.IPAddress}}',
          'far',
        );
        await finds(client, 'api', [near, again]);
        await finds(client, 'far', [again]);
        // Nothing starts this one again, and Docker says nothing of its endpoint.
        await finds(client, 'lost', []);
      },
      { timeoutMs: 180_000 },
    );

    test(
      'a host parted from the others for 30 s keeps all names and learns afterwards what changed',
      async (lab) => {
        const { client, near, far, addresses } = await startServers(lab);
        await lab.run(['partition', 'h3', '--silent']);
        const parted = Date.now();
        await eventually('it ranks last', () => ranksFirst(client, 'api', addresses[0]), 20_000);
        await lab.docker('h2', 'rename', 'near', 'nearer');
        const fresh = await runContainer(lab, 'h2', 'shop', {
          name: 'fresh',
          options: ['--network-alias', 'api'],
        });
        while (Date.now() - parted < 30_000) {
          expect((await client.dig('far'))[0]).toBe(addresses[1]);
          expect((await far.dig('api')).sort()).toEqual([...addresses].sort());
          await new Promise((resolve) => setTimeout(resolve, 1_000));
        }
        await lab.run(['heal', 'h3']);
        const all = [...addresses, await fresh.address()];
        await finds(far, 'api', all);
        await finds(far, 'nearer', [addresses[0]]);
        await finds(client, 'api', all);
        await eventually(
          'it ranks with the others',
          async () => !(await ranksFirst(client, 'api', addresses[0])),
        );
        expect(near.name).toBe('near');
      },
      { timeoutMs: 120_000, logsErrors: true },
    );
  });
}
