import { expect } from '@jest/globals';
import {
  type Container,
  createMirroredNetwork,
  createSharedNetwork,
  runContainer,
} from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { expectForgotten } from '../support/stories/forgotten.js';
import { eventually } from '../support/time/eventually.js';
import { countLost } from '../support/traffic/ping.js';

async function startTwo(lab: Lab): Promise<[Container, Container, string]> {
  await createSharedNetwork(lab, 'shop');
  const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
  const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
  return [one, two, await two.address()];
}

/** How often dockerd on the host had to repeat a call, because xnet refused it or cut its answer. */
async function countRetries(lab: Lab, host: string): Promise<number> {
  const log = await lab.run(['logs', host, 'dockerd']);
  return log.split('Unable to connect to plugin').length - 1;
}

/** Starts `count` containers on h1, two at a time. */
async function startMany(lab: Lab, count: number): Promise<Container[]> {
  const containers: Container[] = [];
  while (containers.length < count) {
    const two = [runContainer(lab, 'h1', 'shop'), runContainer(lab, 'h1', 'shop')];
    containers.push(...(await Promise.all(two)));
  }
  return containers;
}

describeInLab('daemon restarts', { hosts: 3 }, (test) => {
  for (const end of ['stop', 'kill'] as const) {
    test(`after xnet ${end} and start, no packet was lost and containers come and go as before`, async (lab) => {
      const [one, two, address] = await startTwo(lab);
      const lost = await countLost(one, address, async () => {
        for (const host of ['h1', 'h2']) {
          await lab.xnet(host, end);
          await lab.xnet(host, 'start');
        }
      });
      expect(lost).toBe(0);
      const three = await runContainer(lab, 'h3', 'shop', { name: 'three' });
      const four = await runContainer(lab, 'h1', 'shop', { name: 'four' });
      expect(await three.greetOverTcp(await four.address())).toBe('four');
      expect(await four.greetOverTcp(address)).toBe('two');
      await lab.docker('h2', 'rm', '-f', two.name);
      expect(await four.reaches(address)).toBe(false);
    });
  }

  test('while xnet is down traffic goes on, and what changed elsewhere meanwhile is known afterwards', async (lab) => {
    const [one, two, address] = await startTwo(lab);
    const lost = await countLost(one, address, async () => {
      await lab.xnet('h1', 'kill');
      const three = await runContainer(lab, 'h3', 'shop', { name: 'three' });
      await lab.docker('h2', 'network', 'disconnect', 'shop', (await runContainer(lab, 'h2', 'shop')).name);
      await lab.xnet('h1', 'start');
      expect(await one.greetOverTcp(await three.address())).toBe('three');
    });
    expect(lost).toBe(0);
    expect(await two.greetOverTcp(await one.address())).toBe('one');
  });

  test('containers started just after the daemon crashed wait for the next one; no packet is lost', async (lab) => {
    const [one, two, address] = await startTwo(lab);
    const retries = await countRetries(lab, 'h1');
    const started: Container[] = [];
    const lost = await countLost(one, address, async () => {
      for (let crash = 1; crash <= 4; crash += 1) {
        await lab.xnet('h1', 'crash');
        started.push(...(await startMany(lab, 2)));
      }
    });
    expect(lost).toBe(0);
    for (const container of started) expect(await container.greetOverTcp(address)).toBe('two');
    expect(await two.greetOverTcp((await started[0]?.address()) ?? '')).toBe(started[0]?.name);
    expect(await countRetries(lab, 'h1')).toBe(retries);
    expect(await lab.in('h1', 'xnet', 'status')).toMatch(/start the daemon again 4 times/);
  });

  test(
    'containers are started by four clients while the daemon crashes ten times: every one starts',
    async (lab) => {
      const [, , address] = await startTwo(lab);
      const retries = await countRetries(lab, 'h1');
      let crashing = true;
      const client = async () => {
        for (let rounds = 0; crashing || rounds === 0; rounds += 1) {
          const container = await runContainer(lab, 'h1', 'shop');
          expect(await container.greetOverTcp(address)).toBe('two');
          await lab.docker('h1', 'rm', '-f', container.name);
        }
      };
      const crash = async () => {
        for (let count = 0; count < 10; count += 1) {
          // A container later, the calls are in another phase of their starts.
          await lab.docker('h1', 'rm', '-f', (await runContainer(lab, 'h1', 'shop')).name);
          await lab.xnet('h1', 'crash');
        }
        crashing = false;
      };
      await Promise.all([crash(), client(), client(), client(), client()]);
      expect(await countRetries(lab, 'h1')).toBe(retries);
      expect(await lab.in('h1', 'xnet', 'status')).toMatch(/start the daemon again 1\d times/);
    },
    { timeoutMs: 240_000 },
  );

  test('containers come and go while xnet is upgraded: no call is refused or cut, no packet lost', async (lab) => {
    const [one, two, address] = await startTwo(lab);
    const retries = await countRetries(lab, 'h1');
    let upgrading = true;
    const churn = async () => {
      for (let rounds = 0; upgrading || rounds === 0; rounds += 1) {
        const containers = await startMany(lab, 2);
        expect(await containers[0]?.greetOverTcp(address)).toBe('two');
        await lab.docker('h1', 'rm', '-f', ...containers.map(({ name }) => name));
      }
    };
    const upgrade = async () => {
      for (let count = 0; count < 4; count += 1) await lab.xnet('h1', 'upgrade');
      upgrading = false;
    };
    const lost = await countLost(one, address, async () => {
      await Promise.all([churn(), upgrade()]);
    });
    expect(lost).toBe(0);
    expect(await two.greetOverTcp(await one.address())).toBe('one');
    expect(await countRetries(lab, 'h1')).toBe(retries);
  });

  test('a container removed just after the daemon crashed goes without a retry of dockerd', async (lab) => {
    const [one, two] = await startTwo(lab);
    const address = await one.address();
    const retries = await countRetries(lab, 'h1');
    await lab.xnet('h1', 'crash');
    await lab.docker('h1', 'rm', '-f', one.name);
    expect(await countRetries(lab, 'h1')).toBe(retries);
    expect(await two.reaches(address)).toBe(false);
  });

  // dockerd goes on trying Leave, DeleteEndpoint and ReleaseAddress for 15 s each before `docker rm` returns.
  const DOCKERS_RETRIES_MS = 45_000;
  // For 3 s what Docker has forgotten may be a container that is being started; then all containers are inspected.
  const FORGOTTEN_MS = 10_000;
  test(
    'a container removed while xnet is down leaves nothing once xnet is back',
    async (lab) => {
      await createMirroredNetwork(lab, 'shop', ['--subnet', '10.82.0.0/24']);
      const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
      const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
      const address = await one.address();
      await eventually('two finds one', async () => (await two.dig('one')).includes(address));
      const retries = await countRetries(lab, 'h1');
      await lab.xnet('h1', 'kill');
      await lab.run(['docker', 'h1', 'rm', '-f', one.name], { timeoutMs: 2 * DOCKERS_RETRIES_MS });
      expect(await countRetries(lab, 'h1')).toBeGreaterThan(retries);
      await lab.xnet('h1', 'start');
      expect(await two.reaches(address)).toBe(false);
      const again = await runContainer(lab, 'h1', 'shop', { name: 'again' });
      expect(await two.greetOverTcp(await again.address())).toBe('again');
      await lab.docker('h1', 'rm', '-f', again.name);
      await expectForgotten({ name: one.name, address }, two, FORGOTTEN_MS);
    },
    { timeoutMs: DOCKERS_RETRIES_MS + FORGOTTEN_MS + 90_000 },
  );
});
