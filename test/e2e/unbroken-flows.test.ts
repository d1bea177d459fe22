/** Running traffic while what carries it is killed, stopped, replaced, or without its store. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { createSharedNetwork, runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { FastPing, NumberedStream } from '../support/traffic/flows.js';

/** How long etcd is away. TEST_OUTAGE_SECONDS=120 is what the project promises. */
const OUTAGE_MS = Number(process.env.TEST_OUTAGE_SECONDS ?? 15) * 1000;

/** On both hosts, one after the other. */
async function onBoth(act: (host: string) => Promise<unknown>): Promise<void> {
  for (const host of ['h1', 'h2']) await act(host);
}

const DISTURBANCES: Readonly<Record<string, (lab: Lab) => Promise<void>>> = {
  'the daemon is killed and its keeper starts it again': (lab) =>
    onBoth(async (host) => {
      await lab.xnet(host, 'crash');
      await lab.in(host, 'sh', '-c', 'until xnet status; do sleep 0.1; done');
    }),
  'keeper and daemon are killed, and started by hand': (lab) =>
    onBoth(async (host) => {
      await lab.xnet(host, 'kill');
      await lab.xnet(host, 'start');
    }),
  'xnet is stopped and started': (lab) =>
    onBoth(async (host) => {
      await lab.xnet(host, 'stop');
      await lab.xnet(host, 'start');
    }),
  'xnet is upgraded': (lab) => onBoth((host) => lab.xnet(host, 'upgrade')),
  [`etcd is stopped for ${OUTAGE_MS / 1000} s`]: async (lab) => {
    await lab.etcd('stop');
    await delay(OUTAGE_MS);
    await lab.etcd('start');
  },
};

describeInLab('unbroken flows', { hosts: 2 }, (test) => {
  for (const [what, disturb] of Object.entries(DISTURBANCES)) {
    test(
      `${what}: not one packet of running flows is lost, and streams go on`,
      async (lab) => {
        await createSharedNetwork(lab, 'shop');
        const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
        const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
        const stream = await NumberedStream.start(two, one);
        const ping = await FastPing.start(one, await two.address());
        await disturb(lab);
        // What the daemon does when it is back, it does within a second or two.
        await delay(3000);
        const { sent, lost, gaps, seconds } = await ping.stop();
        const lines = await stream.stop();
        console.info(
          `${what}: ${sent} pings in ${seconds.toFixed(1)} s, ${lost} lost${gaps && ` (${gaps})`}; ${lines} lines of one stream`,
        );
        expect({ lost, gaps: lost > 0 ? gaps : '' }).toEqual({ lost: 0, gaps: '' });
        expect(sent).toBeGreaterThan(300 * seconds);
      },
      { timeoutMs: 120_000 + OUTAGE_MS, logsErrors: what.startsWith('etcd') },
    );
  }
});
