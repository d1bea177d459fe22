import { expect } from '@jest/globals';
import { type Container, createSharedNetwork, runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

const GROUP = '239.1.2.3';
const SUBNET = '10.90.0.0/24';
const BROADCAST = '10.90.0.255';
const PROBE = 'probe';

/** A container that writes down every datagram to port 5000 that it gets. */
async function startReceiver(lab: Lab, host: string, network: string): Promise<Container> {
  const join = `ip-add-membership=${GROUP}:eth0,reuseaddr`;
  const script = `exec socat -u UDP4-RECV:5000,${join} OPEN:/tmp/received,creat,append`;
  const receiver = await runContainer(lab, host, network, { command: ['sh', '-c', script] });
  await receiver.exec('sh', '-c', 'until ss -Hlun | grep -q :5000; do sleep 0.02; done; touch /tmp/received');
  return receiver;
}

async function send(sender: Container, to: string, text: string): Promise<void> {
  const options = `broadcast,ip-multicast-loop=0,ip-multicast-ttl=4,bind=${await sender.address()},so-bindtodevice=eth0`;
  await sender.exec('sh', '-c', `echo ${text} | socat -u - UDP4-DATAGRAM:${to}:5000,${options}`);
}

/** Sends probes until each of `receivers` has got one: flooding to a host begins a moment after its first container. */
async function expectFlooding(sender: Container, receivers: readonly Container[]): Promise<void> {
  await eventually('a probe has arrived everywhere', async () => {
    await send(sender, BROADCAST, PROBE);
    const texts = await Promise.all(receivers.map((receiver) => receiver.exec('cat', '/tmp/received')));
    return texts.every((text) => text.includes(PROBE));
  });
}

/** What each receiver has got, probes apart, once `complete` ones have got `last`, a text sent after all others. */
async function receivedBy(
  receivers: readonly Container[],
  last: string,
  complete = receivers,
): Promise<string[]> {
  const read = () => Promise.all(receivers.map((receiver) => receiver.exec('cat', '/tmp/received')));
  const indexes = complete.map((receiver) => receivers.indexOf(receiver));
  await eventually(`${last} has arrived`, async () => {
    const texts = await read();
    return indexes.every((index) => texts[index]?.includes(last));
  });
  return (await read()).map((text) => {
    const words = text.split('\n').filter((word) => word !== '' && word !== PROBE);
    return words.join(' ');
  });
}

describeInLab('multicast', { hosts: 3 }, (test) => {
  test('broadcast and multicast reach every member on every host once, and nobody else', async (lab) => {
    await createSharedNetwork(lab, 'shop', ['--subnet', SUBNET]);
    await createSharedNetwork(lab, 'other', ['--subnet', SUBNET]);
    const sender = await runContainer(lab, 'h1', 'shop');
    const places = ['h1', 'h2', 'h2', 'h3'];
    const members = await Promise.all(places.map((host) => startReceiver(lab, host, 'shop')));
    const others = await Promise.all(['h1', 'h2', 'h3'].map((host) => startReceiver(lab, host, 'other')));
    await expectFlooding(sender, members);
    await send(sender, BROADCAST, 'broadcast');
    await send(sender, GROUP, 'multicast');
    await send(sender, BROADCAST, 'last');
    const received = await receivedBy([...members, ...others], 'last', members);
    expect(received).toEqual([...places.map(() => 'broadcast multicast last'), '', '', '']);
  });

  test('a host with the network but without a member gets no copy', async (lab) => {
    await createSharedNetwork(lab, 'shop', ['--subnet', SUBNET]);
    const sender = await runContainer(lab, 'h1', 'shop');
    const member = await startReceiver(lab, 'h2', 'shop');
    const tcpdump = ['run', '-d', '--network', 'host', 'tools', 'tcpdump', '-Z', 'root', '-lni', 'eth0'];
    const sniffers = await Promise.all(
      ['h2', 'h3'].map(async (host) => ({
        host,
        id: await lab.docker(host, ...tcpdump, 'udp port 4789 and udp[8:4] & 0x08000000 != 0'),
      })),
    );
    const output = async ({ host, id }: { host: string; id: string }) =>
      lab.in(host, 'sh', '-c', `docker logs ${id} 2>&1`);
    for (const sniffer of sniffers) {
      await eventually('tcpdump listens', async () => (await output(sniffer)).includes('listening on'));
    }
    await expectFlooding(sender, [member]);
    await send(sender, BROADCAST, 'broadcast');
    await send(sender, GROUP, 'multicast');
    expect(await receivedBy([member], 'multicast')).toEqual(['broadcast multicast']);
    const [onMembers = '', onOther = ''] = await Promise.all(sniffers.map(output));
    expect(onMembers).toContain(`> ${GROUP}.5000`);
    expect(onMembers).toContain(`> ${BROADCAST}.5000`);
    expect(onOther).not.toContain('.5000');
  });

  test('with xnet.multicast=off, multicast stays on its host and broadcast works', async (lab) => {
    await createSharedNetwork(lab, 'shop', ['--subnet', SUBNET, '-o', 'xnet.multicast=off']);
    const sender = await runContainer(lab, 'h1', 'shop');
    const neighbour = await startReceiver(lab, 'h1', 'shop');
    const remote = await startReceiver(lab, 'h2', 'shop');
    await expectFlooding(sender, [neighbour, remote]);
    await send(sender, GROUP, 'multicast');
    await send(sender, BROADCAST, 'broadcast');
    const received = await receivedBy([neighbour, remote], 'broadcast');
    expect(received).toEqual(['multicast broadcast', 'broadcast']);
  });
});
