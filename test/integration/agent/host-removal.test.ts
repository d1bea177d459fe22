/** A host that will not come back is forgotten: `xnet host rm`, against real daemons and a real etcd. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Cluster } from '../../support/daemon/cluster.js';
import { eventually } from '../../support/time/eventually.js';

/** Longer than the lease of a host's sign of life. */
const SILENT_MS = 20_000;

const HOSTS = [1, 2, 3];
/** Of one that a user gave. */
const MACS: Record<number, string> = { 7: '02:42:ac:11:00:99' };

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start(HOSTS.length);
}, 60_000);
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
});

const xnet = (...args: string[]) => cluster.host(1).daemon.xnet(...args);

const idOf = (number: number) =>
  JSON.parse(cluster.host(number).daemon.status('--json').text).host.id as string;

/** What the store has, but for signs of life and addresses that rest, which go by themselves. */
async function lasting(): Promise<[key: string, value: string][]> {
  const entries = [...(await cluster.entries(''))];
  return entries.filter(([key, value]) => !key.startsWith('alive/') && !value.includes('"state":"resting"'));
}

/** Sorted; without what hosts hold in reserve, which they fill in their own time. */
function keysOf(entries: readonly [key: string, value: string][]): string[] {
  return entries
    .filter(([, value]) => !value.includes('"reserve":true'))
    .map(([key]) => key)
    .sort();
}

describe('xnet host rm', () => {
  test('refuses this host, one that is alive, and one that is not there', async () => {
    const listed = async () =>
      JSON.parse(await xnet('host', 'ls', '--json')) as { id: string; name: string }[];
    await eventually('all are registered', async () => (await listed()).length === HOSTS.length);
    const hosts = await listed();
    expect(hosts.map(({ id }) => id).sort()).toEqual(HOSTS.map(idOf).sort());
    await expect(xnet('host', 'rm', idOf(1))).rejects.toThrow('is this host; remove it from another one');
    await expect(xnet('host', 'rm', idOf(2))).rejects.toThrow('is alive; stop xnet there first');
    // They share this machine's name.
    await expect(xnet('host', 'rm', hosts[0]?.name ?? '')).rejects.toThrow("give one's id: ");
    await expect(xnet('host', 'rm', 'nobody')).rejects.toThrow('no host with the name or id "nobody"');
    expect(await cluster.entries('hosts/')).toHaveProperty('size', HOSTS.length);
  });

  test('takes endpoints, addresses, pools and networks of a silent one with it, and nothing else', async () => {
    const [one, , three] = HOSTS.map((number) => cluster.host(number));
    if (!one || !three) throw new Error('no hosts');
    const gone = idOf(3);
    for (const host of [one, three]) await host.createNetwork('shop', '10.97.1.0/24');
    await cluster.host(2).createNetwork('other', '10.97.2.0/24');
    const box = await one.createSandbox('box');
    await one.attach(box, '10.97.1.9');
    const before = await lasting();
    for (const number of [8, 7, 6])
      await three.attach(await three.createSandbox(`box${number}`), `10.97.1.${number}`, MACS[number]);
    expect([...(await cluster.entries('macs/'))]).toHaveLength(1);
    await eventually('the other host forwards', async () => (await one.forwarding()).tunnels.length === 3);
    await three.daemon.kill();
    await eventually(
      'it is silent',
      async () => !(await cluster.entries('alive/')).has(`alive/${gone}`),
      SILENT_MS,
    );

    expect(await xnet('host', 'rm', gone)).toContain('removed, with 3 endpoints in 1 networks');

    const left = await lasting();
    expect(left.join(' ')).not.toContain(gone);
    expect(keysOf(left)).toEqual(keysOf(before.filter((entry) => !entry.join(' ').includes(gone))));
    await eventually('the other host forgets', async () => (await one.forwarding()).tunnels.length === 0);
    await expect(xnet('host', 'rm', gone)).rejects.toThrow('no host with the name or id');
  }, 90_000);
});
