import { expect } from '@jest/globals';
import { type Container, createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { Lookups } from '../support/dns/lookups.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** From the moment on which a host's names are reachable again. */
const RIGHT_AGAIN_MS = 5_000;

/** A client on h1 and a server of the alias `api` on h2 and on h3. */
async function startServers(lab: Lab, options: readonly string[] = []) {
  await createMirroredNetwork(lab, 'shop');
  const alias = ['--network-alias', 'api', ...options];
  const client = await runContainer(lab, 'h1', 'shop', { name: 'client' });
  const near = await runContainer(lab, 'h2', 'shop', { name: 'near', options: alias });
  const far = await runContainer(lab, 'h3', 'shop', { name: 'far', options: alias });
  const addresses = [await near.address(), await far.address()] as const;
  const lookups = await Lookups.from(client);
  await lookups.finds('api', addresses);
  return { client, far, addresses };
}

/** Its address, once it runs again. */
async function restarted(container: Container): Promise<string> {
  const isBack = async () => (await container.inspect('{{.State.Running}}')) === 'true';
  await eventually(`${container.name} runs again`, isBack, 30_000);
  return container.address();
}

describeInLab('names in outages', { hosts: 3, engines: { h3: '20.10' } }, (test) => {
  test(
    'of a name that others have too, a host that lost power is left out until it is back',
    async (lab) => {
      const servers = await startServers(lab, ['--restart', 'always']);
      const client = await Lookups.from(servers.client);
      const [near] = servers.addresses;
      const lost = await runContainer(lab, 'h3', 'shop', { name: 'lost' });
      const lostAddress = await lost.address();
      await client.finds('lost', [lostAddress]);
      process.kill(Number(await lab.run(['pid', 'h3'])), 'SIGKILL');
      await client.finds('api', [near], 15_000);
      // Nobody else has this one.
      expect(await client.ask('lost')).toEqual([lostAddress]);
      await lab.run(['reboot', 'h3']);
      const again = await restarted(servers.far);
      await Promise.all([
        client.finds('api', [near, again], RIGHT_AGAIN_MS),
        client.finds('far', [again], RIGHT_AGAIN_MS),
        // Nothing starts this one again, and Docker says nothing of its endpoint.
        client.finds('lost', [], RIGHT_AGAIN_MS),
      ]);
    },
    { timeoutMs: 180_000 },
  );

  test(
    'a host parted from the others for 30 s keeps all names and learns afterwards what changed',
    async (lab) => {
      const { addresses, ...servers } = await startServers(lab);
      const client = await Lookups.from(servers.client);
      const far = await Lookups.from(servers.far);
      await lab.run(['partition', 'h3', '--silent']);
      const parted = Date.now();
      await client.finds('api', [addresses[0]], 20_000);
      await lab.docker('h2', 'rename', 'near', 'nearer');
      const options = ['--network-alias', 'api'];
      const fresh = await runContainer(lab, 'h2', 'shop', { name: 'fresh', options });
      const all = [...addresses, await fresh.address()];
      while (Date.now() - parted < 30_000) {
        expect(await client.ask('far')).toEqual([addresses[1]]);
        expect((await far.ask('api'))?.sort()).toEqual([...addresses].sort());
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
      await lab.run(['heal', 'h3']);
      await Promise.all([
        far.finds('api', all, RIGHT_AGAIN_MS),
        far.finds('nearer', [addresses[0]], RIGHT_AGAIN_MS),
        client.finds('api', all, RIGHT_AGAIN_MS),
      ]);
    },
    { timeoutMs: 120_000, logsErrors: true },
  );
});
