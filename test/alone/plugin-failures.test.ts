/** The managed plugin killed, disabled, replaced, and dockerd restarted, while containers talk across hosts. */
import { expect } from '@jest/globals';
import { runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import {
  createWithPlugin,
  disablePlugin,
  enablePlugin,
  expectAdopted,
  killPluginsDaemon,
  killPluginsTask,
  pluginStatus,
  upgradePlugin,
} from '../support/lab/plugin.js';
import { eventually } from '../support/time/eventually.js';
import { FastPing, NumberedStream } from '../support/traffic/flows.js';

/** From the plugin's first answer on until all that runs is served again. */
const ADOPTED_MS = 5000;

/** Without it Docker stops the containers itself. */
const LIVE_RESTORE = '--live-restore';

const DISTURBANCES: Readonly<Record<string, (lab: Lab, host: string) => Promise<unknown>>> = {
  'its daemon is killed': killPluginsDaemon,
  'its containerd task is killed': killPluginsTask,
  'it is disabled and enabled': async (lab, host) => {
    await disablePlugin(lab, host);
    // Docker looks for the socket after 0.5 s, and then not before 3 s have passed.
    console.info(`docker plugin enable on ${host}: ${Math.round(await enablePlugin(lab, host))} ms`);
  },
  'dockerd is restarted': (lab, host) => lab.dockerd(host, 'restart', LIVE_RESTORE),
  'dockerd is killed and started': async (lab, host) => {
    await lab.dockerd(host, 'kill');
    await lab.dockerd(host, 'start', LIVE_RESTORE);
  },
  'it is upgraded': (lab, host) => upgradePlugin(lab, host, 2),
};

describeInLab('plugin failures', { hosts: 2, plugin: true }, (test) => {
  test(
    'whatever happens to the plugin, not one packet of running flows is lost, and all is adopted again',
    async (lab) => {
      await lab.run(['plugin', 'push', '2'], { timeoutMs: 240_000 });
      for (const host of lab.hosts) await lab.dockerd(host, 'restart', LIVE_RESTORE);
      await createWithPlugin(lab, 'shop');
      const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
      const two = await runContainer(lab, 'h2', 'shop', { name: 'two' });
      const stream = await NumberedStream.start(two, one);
      for (const [what, disturb] of Object.entries(DISTURBANCES)) {
        const ping = await FastPing.start(one, await two.address());
        const adoptedMs: number[] = [];
        for (const host of lab.hosts) {
          await disturb(lab, host);
          await eventually(() => pluginStatus(lab, host));
          const answeredMs = performance.now();
          await expectAdopted(lab, host, 1, ADOPTED_MS);
          adoptedMs.push(Math.round(performance.now() - answeredMs));
        }
        const { sent, lost, seconds } = await ping.stop();
        console.info(
          `${what}: ${sent} pings in ${seconds.toFixed(1)} s, ${lost} lost; adopted after ${adoptedMs.join(', ')} ms`,
        );
        expect({ what, lost }).toEqual({ what, lost: 0 });
        expect(sent).toBeGreaterThan(300 * seconds);
        expect(await one.greetOverTcp('two')).toBe('two');
      }
      console.info(`${await stream.stop()} lines of one stream`);
      for (const host of lab.hosts) expect((await pluginStatus(lab, host)).version).toBe('2.0.0');
      const three = await runContainer(lab, 'h2', 'shop', { name: 'three' });
      expect(await three.greetOverTcp('one')).toBe('one');
    },
    // A daemon that is killed may have been about to say that something did not work.
    { timeoutMs: 480_000, logsErrors: true },
  );
});
