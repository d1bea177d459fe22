/** `xnet capture`: what it shows is what containers sent, at each point of the path on all hosts, and nothing else. */
import { expect } from '@jest/globals';
import { type Container, createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import type { Background } from '../support/programs/command.js';
import { eventually } from '../support/time/eventually.js';
import { type PcapngFile, readPcapng } from '../support/traffic/pcapng-file.js';

const PATTERN = 'c0ffee42';
const FOREIGN = 'bad0beef';
const FILE = '/tmp/capture.pcapng';
const PID = '/tmp/capture.pid';

/** Points of an echo from `web` on h1 to `db` on h2, and back. */
const THERE = [
  ...['h1 shop web out', 'h1 shop vxlan0 out', 'h1 shop underlay out'],
  ...['h2 shop underlay in', 'h2 shop vxlan0 in', 'h2 shop db in'],
];
const BACK = [
  ...['h2 shop db out', 'h2 shop vxlan0 out', 'h2 shop underlay out'],
  ...['h1 shop underlay in', 'h1 shop vxlan0 in', 'h1 shop web in'],
];

/** How many packet sockets a host has, in its own namespace and those of its networks. */
async function packetSockets(lab: Lab, host: string): Promise<number> {
  const script =
    'for i in /run/netns/xnet-*; do nsenter --net=$i sed 1d /proc/net/packet; done; sed 1d /proc/net/packet';
  const lines = await lab.in(host, 'sh', '-c', script.replaceAll('/proc/net', '/proc/self/net'));
  return lines.split('\n').filter((line) => line !== '').length;
}

function expectNoSockets(lab: Lab): Promise<void> {
  return eventually(async () => {
    for (const host of lab.hosts) expect(await packetSockets(lab, host)).toBe(0);
  });
}

/** Starts a capture on h1; resolves when it sees packets on the hosts, at three points at least. No other one runs. */
async function startCapture(lab: Lab, hosts: readonly string[], ...words: string[]): Promise<Background> {
  await expectNoSockets(lab);
  const started = lab.start('h1', 'sh', '-c', `echo $$ > ${PID}; exec xnet capture "$@"`, 'sh', ...words);
  await eventually(async () => {
    for (const host of hosts) expect(await packetSockets(lab, host)).toBeGreaterThanOrEqual(3);
  });
  return started;
}

/** Ctrl-C. Resolves to what it has written. */
async function interrupt(lab: Lab, capture: Background): Promise<string> {
  await lab.in('h1', 'sh', '-c', `kill -INT $(cat ${PID})`);
  return capture.ended();
}

async function fileOf(lab: Lab): Promise<PcapngFile> {
  return readPcapng(Buffer.from(await lab.in('h1', 'base64', '-w0', FILE), 'base64'));
}

const echoes = (from: Container, to: string, count: number, pattern: string, ...options: string[]) =>
  from.exec('ping', '-n', '-c', `${count}`, '-i', '0.2', '-w', '10', '-p', pattern, ...options, to);

/** POINT WAY of each line with an echo. */
const linesWith = (output: string, word: string) =>
  output
    .split('\n')
    .filter((line) => line.includes(word))
    .map((line) => line.split(/ {2,}/).slice(1, 3).join(' '));

async function expectNothingLeft(lab: Lab): Promise<void> {
  await expectNoSockets(lab);
  await eventually(async () => {
    for (const prefix of ['questions', 'answers'])
      expect(await lab.etcd('ctl', 'etcd1', 'get', `/xnet/${prefix}/`, '--prefix', '--keys-only')).toBe('');
  });
}

async function makeShop(lab: Lab): Promise<{ web: Container; db: Container }> {
  await createMirroredNetwork(lab, 'shop');
  const web = await runContainer(lab, 'h1', 'shop', { name: 'web' });
  const db = await runContainer(lab, 'h2', 'shop', { name: 'db' });
  expect(await web.reaches('db')).toBe(true);
  return { web, db };
}

describeInLab('capture', { hosts: 3 }, (test) => {
  test('an echo is in the file at each point on both hosts, in order, and nothing foreign', async (lab) => {
    const { web } = await makeShop(lab);
    await runContainer(lab, 'h3', 'shop', { name: 'cache' });
    await createMirroredNetwork(lab, 'other');
    const foreign = await runContainer(lab, 'h1', 'other', { name: 'foreign' });
    await runContainer(lab, 'h2', 'other', { name: 'stranger' });

    const capture = await startCapture(lab, lab.hosts, 'shop', '--filter', 'icmp', '-w', FILE);
    await Promise.all([
      echoes(web, 'db', 3, PATTERN),
      echoes(foreign, 'stranger', 3, FOREIGN),
      web.greetOverTcp('db'),
    ]);
    expect(await interrupt(lab, capture)).toBe('36 packets at 9 points on 3 hosts\n');

    const { points, packets, lost, comments } = await fileOf(lab);
    expect([...points].sort()).toEqual([
      ...['h1 shop underlay', 'h1 shop vxlan0', 'h1 shop web'],
      ...['h2 shop db', 'h2 shop underlay', 'h2 shop vxlan0'],
      ...['h3 shop cache', 'h3 shop underlay', 'h3 shop vxlan0'],
    ]);
    const path = packets.map(({ point, direction }) => `${point} ${direction}`);
    expect(path).toEqual([...THERE, ...BACK, ...THERE, ...BACK, ...THERE, ...BACK]);
    for (const { point, length, bytes } of packets) {
      const headers = point.endsWith('underlay') ? 50 : 0;
      expect([length, bytes.length]).toEqual([98 + headers, 98 + headers]);
      expect(bytes.toString('hex')).toContain(PATTERN.repeat(10));
    }
    expect([...lost.values()]).toEqual(Array(9).fill(0));
    expect(comments).toEqual(["xnet capture shop --filter 'icmp'"]);
    const printed = await lab.in('h1', 'tcpdump', '-n', '-r', FILE);
    expect(printed.match(/ICMP echo re(quest|ply), id \d+, seq [123], length 64$/gm)).toHaveLength(36);
    expect(await lab.in('h1', 'stat', '-c', '%a', FILE)).toBe('600');
    await expectNothingLeft(lab);
  });

  test('a container, a host, chosen hosts; lines, objects, limits', async (lab) => {
    const { web, db } = await makeShop(lab);
    const cache = await runContainer(lab, 'h1', 'shop', { name: 'cache' });

    const lines = await startCapture(lab, ['h1', 'h2'], 'cache', '--filter', 'icmp');
    await echoes(web, 'db', 2, FOREIGN);
    await echoes(cache, 'db', 1, PATTERN);
    const printed = await interrupt(lab, lines);
    const address = await cache.address();
    expect(linesWith(printed, 'echo request')).toEqual(
      THERE.map((line) => line.replace('shop web', 'shop cache')),
    );
    expect(printed.split('\n').filter((line) => line.includes('ICMP') && !line.includes(address))).toEqual(
      [],
    );

    // A host, and one of several, on it alone; so much of each packet.
    const objects = await startCapture(lab, ['h2'], 'h2', '--filter', 'icmp', '-o', 'json', '--snap', '60');
    await echoes(web, 'db', 1, PATTERN);
    const items = (await interrupt(lab, objects)).split('\n').flatMap((line) => {
      return line.startsWith('{') ? [JSON.parse(line)] : [];
    });
    expect(items.map(({ host, place, direction }) => `${host} shop ${place} ${direction}`)).toEqual([
      ...THERE.slice(3),
      ...BACK.slice(0, 3),
    ]);
    expect(items[2]).toMatchObject({
      network: 'shop',
      length: 98,
      summary: expect.stringMatching(
        `^${await web.address()} > ${await db.address()} ICMP echo request id \\d+ seq 1, 98 bytes$`,
      ),
    });
    expect(Buffer.from(items[2].bytes, 'base64')).toHaveLength(60);

    // The limits: so many packets, so many seconds.
    const few = await startCapture(lab, ['h1'], 'shop', '--on', 'h1', '--filter', 'icmp', '--count', '4');
    await echoes(web, 'db', 2, PATTERN);
    expect(linesWith(await few.ended(), 'echo')).toEqual([...THERE.slice(0, 3), ...BACK.slice(3, 4)]);
    expect(
      await lab.in('h1', 'xnet', 'capture', 'shop', '--on', 'h1', '--seconds', '1', '--filter', 'tcp'),
    ).toBe('');
    const tcp = await startCapture(lab, ['h1'], 'web', '--on', 'h1', '--filter', 'tcp port 7');
    await web.greetOverTcp('db');
    expect(linesWith(await interrupt(lab, tcp), 'TCP SYN seq')).toEqual(THERE.slice(0, 3));
    await expectNothingLeft(lab);

    await expect(lab.in('h1', 'xnet', 'capture', 'nothing')).rejects.toThrow(
      /no network, container or host with the name or id "nothing"/,
    );
    await expect(lab.in('h1', 'xnet', 'capture', 'shop', '--filter', 'colour red')).rejects.toThrow(
      /--filter "colour red": .*man pcap-filter/,
    );
    const path = 'http://xnet/v1/capture/shop?count=0&snap=70000&program=1+2';
    const refused = await lab.in('h1', 'curl', '-s', '--unix-socket', '/run/xnet/admin.sock', path);
    expect(JSON.parse(refused)).toMatchObject({
      code: 'INVALID',
      error: /count.*snap.*program|program.*count/s,
    });
  });

  test('hosts that are dead or cut off are named, and the others go on', async (lab) => {
    const { web } = await makeShop(lab);
    await runContainer(lab, 'h3', 'shop', { name: 'cache' });
    await lab.xnet('h3', 'kill');
    const capture = await startCapture(lab, ['h1', 'h2'], 'shop', '--filter', 'icmp');
    await eventually(() =>
      expect(capture.output).toMatch(/^h3: has not begun within 5 s: its xnet does not run/m),
    );
    await lab.run(['partition', 'h2']);
    const isAnswered = await web.reaches('db', '-p', FOREIGN).finally(() => lab.run(['heal', 'h2']));
    expect(isAnswered).toBe(false);
    await eventually(async () => expect(await web.reaches('db', '-c', '1', '-p', PATTERN)).toBe(true));
    // By then h2 has reached etcd again, and what it saw has come.
    await eventually(() => expect(capture.output).toMatch(/ h2 shop db +in +.*echo request/));
    const output = await interrupt(lab, capture);
    const lost = linesWith(output, 'echo request').slice(0, 3);
    expect(lost).toEqual(THERE.slice(0, 3));
    expect(output).toMatch(/packets at 6 points on 2 hosts$/m);
    // Of a host that is known to be silent nobody waits for an answer.
    await eventually(async () => {
      const { output: said } = await lab
        .in('h1', 'xnet', 'capture', 'shop', '--seconds', '1')
        .catch((error) => error);
      expect(said).toMatch(/^h3: not asked: it gives no sign of life$/m);
    }, 30_000);
    // Without etcd this host captures alone.
    await lab.etcd('stop', 'etcd1');
    try {
      const alone = await startCapture(lab, ['h1'], 'shop', '--filter', 'icmp');
      await echoes(web, 'db', 1, PATTERN);
      const said = await interrupt(lab, alone);
      expect(linesWith(said, 'echo request')).toEqual(THERE.slice(0, 3));
      expect(said).toMatch(/^h2: .*(etcd|store)/m);
    } finally {
      await lab.etcd('start', 'etcd1');
      await lab.xnet('h3', 'start');
    }
    await expectNothingLeft(lab);
  });
});
