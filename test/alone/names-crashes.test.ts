import { expect } from '@jest/globals';
import { Container, createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { LookupLoad } from '../support/dns/lookup-load.js';
import { Lookups } from '../support/dns/lookups.js';
import type { Engine, Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';
import { expectInTime } from '../support/time/in-time.js';

const CLIENTS = 20;
const LOOKUPS_PER_SECOND = 50;
const STARTS_PER_SECOND = 4;
/** A daemon that lives 3 s or less is started again later each time (QUICK_MS in keeper/plan-next.ts). */
const SECONDS_BETWEEN_KILLS = 4;

/** After keeper and daemon were killed, all names are back so long after the next start. */
const BACK_MS = 3_000;

async function runMany(lab: Lab, host: string, names: readonly string[]): Promise<Container[]> {
  await lab.in(
    host,
    'sh',
    '-c',
    'for name; do echo "$name"; done | xargs -P 4 -I NAME docker run -d --name NAME --network shop tools sleep 1d',
    'sh',
    ...names,
  );
  return names.map((name) => new Container(lab, host, name, 'shop'));
}

async function startSome(lab: Lab): Promise<{ near: Container; far: Container; clients: Container[] }> {
  await createMirroredNetwork(lab, 'shop');
  const near = await runContainer(lab, 'h1', 'shop', { name: 'near' });
  const far = await runContainer(lab, 'h2', 'shop', { name: 'far' });
  const names = Array.from({ length: CLIENTS }, (_, index) => `client${index}`);
  const clients = await runMany(lab, 'h1', names);
  const last = clients.at(-1) as Container;
  await eventually('the names are known', async () => (await last.dig('far')).length > 0);
  return { near, far, clients };
}

for (const engine of ['28', '20.10'] satisfies Engine[]) {
  describeInLab(`names in crashes on Docker ${engine}`, { hosts: 2, engine }, (test) => {
    test(
      'the daemon is killed five times: no look-up fails or takes over 3 s, and every container starts',
      async (lab) => {
        const { clients } = await startSome(lab);
        const load = await LookupLoad.start(clients, ['near', 'far'], LOOKUPS_PER_SECOND);
        let starts = 0;
        for (let kills = 0; kills < 5; kills++) {
          const killed = lab.xnet('h1', 'crash');
          for (let second = 0; second < SECONDS_BETWEEN_KILLS; second++) {
            const begun = Date.now();
            const names = Array.from({ length: STARTS_PER_SECOND }, () => `late${starts++}`);
            await runMany(lab, 'h1', names);
            await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun + 1_000 - Date.now())));
          }
          await killed;
        }
        const { asked, failures, slowestMs } = await load.stop();
        expect(failures).toEqual([]);
        expectInTime(slowestMs, 3_000);
        expect(asked).toBeGreaterThan(CLIENTS * LOOKUPS_PER_SECOND * 10);
        expect(await lab.in('h1', 'xnet', 'status')).toContain('5 times');
      },
      { timeoutMs: 240_000 },
    );

    test(
      'keeper and daemon are killed together: names are found again once their supervisor has started them',
      async (lab) => {
        const { near, far, clients } = await startSome(lab);
        const [nearAddress, farAddress] = [await near.address(), await far.address()];
        const fromFirst = await Lookups.from(clients[0] as Container);
        const fromLast = await Lookups.from(clients.at(-1) as Container);
        await lab.xnet('h1', 'kill');
        await lab.xnet('h1', 'start');
        const found = [fromFirst, fromLast].flatMap((lookups) => [
          lookups.finds('near', [nearAddress], BACK_MS),
          lookups.finds('far', [farAddress], BACK_MS),
        ]);
        await Promise.all(found);
      },
      { timeoutMs: 120_000 },
    );

    test("stopped for good, xnet leaves Docker's resolver alone in charge; started again, all names are back within 2 s", async (lab) => {
      const { near, far, clients } = await startSome(lab);
      const client = clients[0] as Container;
      await lab.xnet('h1', 'stop');
      expect(await client.dig('near')).toEqual([await near.address()]);
      expect(await client.dig('far')).toEqual([]);
      expect(
        await lab.in(
          'h1',
          'sh',
          '-c',
          'for ns in /run/docker/netns/*; do nsenter --net=$ns nft list tables || true; done',
        ),
      ).not.toContain('ip xnet');
      const address = await far.address();
      const lookups = await Lookups.from(client);
      await lab.xnet('h1', 'start');
      await lookups.finds('far', [address], 2_000);
    });
  });
}
