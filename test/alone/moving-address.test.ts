/** One address that moves between two hosts with `docker run --ip`, while containers of three hosts talk to it. */
import { expect } from '@jest/globals';
import { createSharedNetwork, runContainer } from '../support/containers/containers.js';
import { findSandbox } from '../support/dns/lookup-load.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';
import { expectInTime } from '../support/time/in-time.js';
import { SteadyPing } from '../support/traffic/steady-ping.js';

const MOVES = 20;
const ADDRESS = '10.83.0.9';
/** How long the address may be out of reach once its container runs. */
const BLACK_HOLE_MS = 200;

async function startTalker(lab: Lab, host: string): Promise<SteadyPing> {
  const options = ['--sysctl', 'net.ipv4.ping_group_range=0 0'];
  const talker = await runContainer(lab, host, 'shop', { name: `talker-${host}`, options });
  return SteadyPing.start(await findSandbox(talker), ADDRESS, 10);
}

describeInLab('moving address', { hosts: 3 }, (test) => {
  test(
    `${MOVES} moves: nobody is kept from the address for longer than ${BLACK_HOLE_MS} ms`,
    async (lab) => {
      await createSharedNetwork(lab, 'shop', ['--subnet', '10.83.0.0/24']);
      const start = (host: string) =>
        lab.docker(
          host,
          'run',
          '-d',
          '--name',
          'moving',
          '--network',
          'shop',
          '--ip',
          ADDRESS,
          'tools',
          'sleep',
          '1d',
        );
      await start('h1');
      const talkers = await Promise.all(lab.hosts.map((host) => startTalker(lab, host)));
      const holes: number[] = [];
      try {
        for (let count = 1; count <= MOVES; count += 1) {
          const [from, to] = count % 2 ? ['h1', 'h2'] : ['h2', 'h1'];
          await lab.docker(from as string, 'rm', '-f', 'moving');
          await start(to as string);
          const thereMs = performance.now();
          for (const talker of talkers)
            await eventually(() => expect(talker.heardMs).toBeGreaterThan(thereMs));
          const lost = talkers.map((talker) => talker.lastLost(thereMs, talker.heardMs) ?? thereMs);
          holes.push(Math.max(...lost) - thereMs);
        }
      } finally {
        for (const talker of talkers) talker[Symbol.dispose]();
      }
      console.info(
        `${MOVES} moves with docker run; the longest black hole: ${Math.max(...holes).toFixed(0)} ms`,
      );
      expectInTime(Math.max(...holes), BLACK_HOLE_MS);
    },
    { timeoutMs: 300_000 },
  );
});
