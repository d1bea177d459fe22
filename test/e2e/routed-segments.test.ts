/** Routed networks go straight to hosts on the same segment and through the tunnel to others, and follow a segment that changes. */
import { expect } from '@jest/globals';
import { eventsAnswer } from '../../src/admin/answers.js';
import { OPERATIONS } from '../../src/admin/operations.js';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';
import { FastPing } from '../support/traffic/flows.js';

/** Two seconds of pings are promised. */
const MOST_LOST = 2_000;
/** The first and the second calm time, on a busy machine. */
const LONG_MS = 60_000;

/** The way to each other host, by name, as `host` shows it. */
async function waysFrom(lab: Lab, host: string): Promise<Record<string, string>> {
  const hosts = OPERATIONS.hosts.answer.parse(JSON.parse(await lab.in(host, 'xnet', 'hosts', '-o', 'json')));
  return Object.fromEntries(hosts.flatMap(({ name = '', pair }) => (pair ? [[name, pair.way]] : [])));
}

async function expectWays(lab: Lab, wanted: Record<string, Record<string, string>>): Promise<void> {
  for (const [host, ways] of Object.entries(wanted))
    await eventually(async () => expect(await waysFrom(lab, host)).toEqual(ways), LONG_MS);
}

const ALL_DIRECT = {
  h1: { h2: 'direct', h3: 'direct' },
  h2: { h1: 'direct', h3: 'direct' },
  h3: { h1: 'direct', h2: 'direct' },
};
const H3_APART = {
  h1: { h2: 'direct', h3: 'tunnel' },
  h2: { h1: 'direct', h3: 'tunnel' },
  h3: { h1: 'tunnel', h2: 'tunnel' },
};

/** Whether frames with a container's address leave the host in the tunnel. */
async function isInTunnel(lab: Lab, host: string, address: string): Promise<boolean> {
  const text = await lab.in(
    host,
    'sh',
    '-c',
    `timeout 5 tcpdump -nc 1 -i eth0 icmp and host ${address} 2>/dev/null || true`,
  );
  return !text.includes(address);
}

describeInLab('routed segments', { hosts: 3 }, (test) => {
  test('a host that moves behind a router is reached through the tunnel, and straight when it is back', async (lab) => {
    await createMirroredNetwork(lab, 'shop', ['-o', 'xnet.mode=routed', '--subnet', '10.70.0.0/24']);
    const one = await runContainer(lab, 'h1', 'shop', { name: 'one' });
    await runContainer(lab, 'h2', 'shop', { name: 'two' });
    const three = await runContainer(lab, 'h3', 'shop', { name: 'three' });
    await expectWays(lab, ALL_DIRECT);
    const ping = await FastPing.start(one, await three.address());
    expect(await isInTunnel(lab, 'h1', await three.address())).toBe(false);

    await lab.run(['route', 'h3']);
    await expectWays(lab, H3_APART);
    expect(await isInTunnel(lab, 'h1', await three.address())).toBe(true);
    expect(await lab.in('h1', 'sh', '-c', 'xnet status || test $? = 1')).toMatch(
      /^ {2}h3 .* routed networks: through the tunnel since \S+, no answer to \d+ probes/m,
    );
    expect(await one.greetOverTcp(await three.address())).toBe('three');

    await lab.run(['heal', 'h3']);
    await expectWays(lab, ALL_DIRECT);
    expect(await isInTunnel(lab, 'h1', await three.address())).toBe(false);
    // A thousand a second.
    const { lost, sent, gaps } = await ping.stop();
    console.info(`${sent} pings, ${lost} lost (${gaps})`);
    expect(lost).toBeLessThan(MOST_LOST);

    // A route that goes by a router is no segment, whatever the wire is.
    await lab.in('h1', 'ip', 'route', 'add', `${await lab.ip('h2')}/32`, 'via', await lab.ip('h3'));
    await expectWays(lab, { h1: { h2: 'tunnel', h3: 'direct' } });
    // That router passes nothing on.
    expect(await lab.in('h1', 'sh', '-c', 'xnet ping h2 --count 1 || test $? = 1')).toContain(
      `the route to it goes via ${await lab.ip('h3')}`,
    );
    await lab.in('h1', 'ip', 'route', 'del', `${await lab.ip('h2')}/32`);

    const { items } = eventsAnswer.parse(JSON.parse(await lab.in('h1', 'xnet', 'events', '-o', 'json')));
    const ofH3 = items.filter(({ kind, what }) => kind.startsWith('pair ') && what.startsWith('h3'));
    expect(ofH3.map(({ kind }) => kind).slice(0, 3)).toEqual([
      'pair direct',
      'pair by tunnel',
      'pair direct',
    ]);
  });
});
