import { expect } from '@jest/globals';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { statusOf } from '../support/containers/networks.js';
import { Lookups } from '../support/dns/lookups.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

const STATE = '/var/lib/xnet';
/** A file that is not xnet's, and takes all the room. */
const FILLER = `${STATE}/filler`;

/** The state directory of h1 is a file system of its own from now on, as large as in the report of the fault. */
async function mountSmallDisk(lab: Lab): Promise<void> {
  if (/ 512 /.test(await lab.in('h1', 'df', '-k', STATE))) return;
  await lab.xnet('h1', 'stop');
  await lab.in(
    'h1',
    'sh',
    '-c',
    `cp -a ${STATE} /tmp/state && mount -t tmpfs -o size=512k,mode=700 tmpfs ${STATE} && cp -a /tmp/state/. ${STATE}`,
  );
  await lab.xnet('h1', 'start');
}

async function fillDisk(lab: Lab): Promise<void> {
  await lab.in('h1', 'sh', '-c', `head -c 1m /dev/zero >>${FILLER} || true`);
}

/** Also what is left of the last block of the journal. */
async function useUpSpareRoom(lab: Lab): Promise<void> {
  await lab.in('h1', 'sh', '-c', `cd ${STATE} && rm -f *.spare && truncate -s %4096 own-writes.jsonl`);
  await fillDisk(lab);
}

async function isProblem(lab: Lab): Promise<boolean> {
  return (await statusOf(lab, 'h1')).includes(
    `cannot be written: no space is left on its file system; make room there`,
  );
}

async function countLogged(lab: Lab, text: string): Promise<number> {
  return (await lab.xnetLog('h1')).split(text).length - 1;
}

async function countEndpoints(lab: Lab): Promise<number> {
  return (await lab.etcdKeys()).filter((key) => key.startsWith('/xnet/endpoints/')).length;
}

describeInLab('full disk', { hosts: 2 }, (test) => {
  test(
    'a full state directory is a problem said once; containers start and are removed; it ends when there is room',
    async (lab) => {
      await createMirroredNetwork(lab, 'shop');
      await mountSmallDisk(lab);
      const [logged, ended] = [await countLogged(lab, 'cannot be written'), 'can be written again'];
      await fillDisk(lab);
      const far = await runContainer(lab, 'h2', 'shop', { name: 'far' });
      const near = await runContainer(lab, 'h1', 'shop', { name: 'near' });
      await eventually('it is a problem', () => isProblem(lab));
      for (let count = 0; count < 3; count += 1) await lab.docker('h2', 'restart', far.name);
      expect(await near.greetOverTcp(await far.address())).toBe('far');
      await lab.docker('h1', 'rm', '-f', near.name);
      await eventually('its endpoint is gone', async () => (await countEndpoints(lab)) === 1, 5_000);
      expect((await countLogged(lab, 'cannot be written')) - logged).toBe(1);
      await lab.in('h1', 'rm', FILLER);
      await eventually('it is none', async () => !(await isProblem(lab)), 30_000);
      expect(await countLogged(lab, ended)).toBe(1);
    },
    { timeoutMs: 180_000 },
  );

  test(
    'xnet restarted on a full disk without etcd serves what it knows, and refuses with path and remedy',
    async (lab) => {
      await createMirroredNetwork(lab, 'shop');
      await mountSmallDisk(lab);
      const near = await runContainer(lab, 'h1', 'shop', { name: 'near' });
      const far = await runContainer(lab, 'h2', 'shop', { name: 'far' });
      const address = await far.address();
      await (await Lookups.from(near)).finds('far', [address]);
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      await fillDisk(lab);
      await lab.etcd('stop');
      await lab.xnet('h1', 'restart');
      await (await Lookups.from(near)).finds('far', [address]);
      expect(await near.greetOverTcp(address)).toBe('far');
      // In the room that was kept for that.
      const first = await runContainer(lab, 'h1', 'shop');
      expect(await first.greetOverTcp(await near.address())).toBe('near');
      await useUpSpareRoom(lab);
      await expect(runContainer(lab, 'h1', 'shop')).rejects.toThrow(
        `${STATE}/own-writes.jsonl cannot be written: no space is left on its file system; make room there`,
      );
      expect(await lab.xnetLog('h1')).toContain('"code":"DISK"');
      await eventually('it is a problem', () => isProblem(lab));
      await lab.etcd('start');
      await lab.in('h1', 'rm', FILLER);
      await eventually('all is well', async () => !(await statusOf(lab, 'h1')).includes('PROBLEM'), 30_000);
      const late = await runContainer(lab, 'h1', 'shop', { name: 'late' });
      expect(await late.greetOverTcp(address)).toBe('far');
    },
    { timeoutMs: 180_000, logsErrors: true },
  );
});
