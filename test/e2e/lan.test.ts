/** Networks on a LAN (xnet.mode=macvlan): created once, with names, and as good as overlays when something fails. */
import { expect } from '@jest/globals';
import { bringUp, compose, composeFile, expectReached, XNET_NETWORK } from '../support/containers/compose.js';
import {
  type Container,
  CREATE,
  createMirroredNetwork,
  runContainer,
  succeeds,
} from '../support/containers/containers.js';
import { reservedAddresses } from '../support/containers/reserves.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { problemsOf } from '../support/lab/xnet-answer.js';
import { eventually } from '../support/time/eventually.js';
import { countLost } from '../support/traffic/ping.js';

/** Behind the LAN's gateway, and nowhere else. */
const OUTSIDE = '203.0.113.1';
const PRINTER = 9;
const GATEWAY = 254;

const MACVLAN = ['-o', 'xnet.mode=macvlan', '-o', 'parent=eth1'];

/** `198.19.K` and `fd19:K:` of this lab. */
async function prefixesOf(lab: Lab) {
  const v4 = (await lab.lan('ip', '1')).trim().replace(/\.\d+$/, '');
  return { v4, v6: `fd19:${v4.split('.')[2]}:` };
}

/** The LAN's own subnet; containers' addresses are from 64 to 191. */
async function createOffice(lab: Lab, ...options: string[]): Promise<void> {
  const { v4 } = await prefixesOf(lab);
  const range = ['--ip-range', `${v4}.64/26`, '--aux-address', `nas=${v4}.65`];
  const subnet = ['--subnet', `${v4}.0/24`, '--gateway', `${v4}.${GATEWAY}`, ...range];
  await createMirroredNetwork(lab, 'office', [...MACVLAN, ...subnet, ...options]);
}

function startOnAll(lab: Lab, ...options: string[]): Promise<Container[]> {
  return Promise.all(
    lab.hosts.map((host) => runContainer(lab, host, 'office', { name: `web-${host}`, options })),
  );
}

/** Each finds the next one by its name. */
async function expectMeetings(containers: readonly Container[]): Promise<void> {
  for (const [index, from] of containers.entries()) {
    const to = containers[(index + 1) % containers.length] as Container;
    await eventually(async () => expect(await from.greetOverTcp(to.name)).toBe(to.name));
  }
}

function refusal(command: Promise<unknown>): Promise<string> {
  return command.then(
    () => 'it was not refused',
    (error: Error) => error.message,
  );
}

describeInLab('lan', { hosts: 3, lan: true, settings: { XNET_PARENTS: 'office=eth1' } }, (test) => {
  test("a network on the LAN is made once, has names, and reaches the LAN's devices, its gateway and its hosts", async (lab) => {
    const { v4, v6 } = await prefixesOf(lab);
    await lab.lan('on', 'printer', `${v4}.${PRINTER}/24`);
    const ipv6 = ['--ipv6', '--subnet', `${v6}:/64`, '--gateway', `${v6}:${GATEWAY}`];
    await createOffice(lab, ...ipv6, '-o', 'xnet.host=on');
    const configs = await Promise.all(
      lab.hosts.map((host) =>
        lab.docker(host, 'network', 'inspect', '-f', '{{json .IPAM.Config}}', 'office'),
      ),
    );
    expect(new Set(configs).size).toBe(1);

    const containers = await startOnAll(lab, '--network-alias', 'site');
    const [web] = containers as [Container, ...Container[]];
    const addresses = await Promise.all(containers.map((each) => each.address()));
    expect(new Set(addresses).size).toBe(3);
    for (const address of addresses) {
      const number = Number(address.split('.')[3]);
      expect([number >= 64 && number < 128, number === 65]).toEqual([true, false]);
    }
    await expectMeetings(containers);
    const [, , third = ''] = addresses;
    expect(await web.dig('web-h3')).toEqual([third]);
    expect(await web.dig('AAAA', 'web-h3')).toEqual([await (containers[2] as Container).address6()]);
    expect(await web.dig('-x', third)).toEqual(['web-h3.office.']);
    expect((await web.dig('site')).sort()).toEqual([...addresses].sort());

    // The LAN is the way out, and docker_gwbridge none.
    expect((await web.exec('ls', '/sys/class/net')).trim().split(/\s+/)).toEqual(['eth0', 'lo']);
    for (const address of [`${v4}.${PRINTER}`, OUTSIDE, `${v4}.${GATEWAY}`, `${v4}.1`, `${v4}.2`])
      expect([address, await web.reaches(address)]).toEqual([address, true]);
    expect(await web.exec('getent', 'ahostsv4', 'outside.lab')).toContain(await lab.outside());
    await lab.in('h1', 'ping', '-c', '1', '-w', '5', addresses[0] as string);
    await lab.in('h1', 'ping', '-c', '1', '-w', '5', await web.address6());
    await lab.lan('in', 'printer', 'ping', '-c', '1', '-w', '5', third);

    expect(await lab.in('h2', 'xnet', 'networks')).toMatch(/^office +[0-9a-f]{12} +macvlan +- +eth1 /m);
    expect(await lab.in('h2', 'xnet', 'status')).toMatch(
      /office \([0-9a-f]{12}\) +macvlan on eth1 +mtu 1500/,
    );
    expect(await lab.in('h2', 'xnet', 'export')).toMatch(/parent: eth1\n[\s\S]*xnet\.mode: macvlan\n/);
    const doctor = await lab.in('h3', 'sh', '-c', 'xnet doctor --all || true');
    expect(doctor).toMatch(/^ok +lans +eth1: up, with a carrier/m);
    expect(doctor).not.toMatch(/^FAULT|^failure/m);
    for (const words of [
      ['web-h1', 'web-h2:7'],
      ['web-h1', 'outside'],
      ['web-h2', OUTSIDE],
    ])
      expect(await lab.in('h1', 'xnet', 'trace', ...words)).toMatch(/: 0 faults, 0 unknown/);
    await lab.lan('off', 'printer');
  });

  test('of sixty containers that start at once none has the address of another', async (lab) => {
    await createOffice(lab);
    const starts = Array.from({ length: 60 }, (_, index) => {
      const host = lab.hosts[index % 3] as string;
      return runContainer(lab, host, 'office', { command: ['sleep', '1d'] });
    });
    const addresses = await Promise.all((await Promise.all(starts)).map((each) => each.address()));
    expect(new Set(addresses).size).toBe(60);
  });

  test(
    'containers go on while xnet or etcd is away, and come back with their interface and their host',
    async (lab) => {
      const { v4 } = await prefixesOf(lab);
      await createOffice(lab);
      const containers = await startOnAll(lab, '--restart', 'always');
      const [first, second] = containers as [Container, Container, Container];
      await expectMeetings(containers);
      await eventually(async () => {
        const holders = (await reservedAddresses(lab)).map(({ hostId }) => hostId);
        expect(new Set(holders).size).toBe(lab.hosts.length);
      });
      const lost = await countLost(first, await second.address(), async () => {
        await Promise.all([lab.xnet('h1', 'kill'), lab.etcd('stop')]);
        expect(await first.reaches(OUTSIDE)).toBe(true);
        await lab.xnet('h1', 'start');
        expect(await second.greetOverTcp('web-h3')).toBe('web-h3');
        const more = await runContainer(lab, 'h2', 'office', { name: 'more' });
        expect(await more.greetOverTcp('web-h1')).toBe('web-h1');
        await lab.etcd('start');
      });
      expect(lost).toBe(0);

      await lab.in('h2', 'ip', 'link', 'set', 'eth1', 'down');
      await eventually(async () =>
        expect(await problemsOf(lab, 'h1')).toContainEqual(
          expect.stringMatching(/^h2: .*eth1 is down; run ip link set eth1 up$/),
        ),
      );
      await lab.in('h2', 'ip', 'link', 'set', 'eth1', 'up');
      await expectMeetings(containers);
      expect(await second.reaches(OUTSIDE)).toBe(true);

      await lab.lan('unplug', 'h3');
      await eventually(async () =>
        expect(await problemsOf(lab, 'h3')).toContainEqual(expect.stringMatching(/no interface eth1/)),
      );
      await lab.lan('plug', 'h3');
      await expectMeetings(containers);
      expect(await (containers[2] as Container).reaches(`${v4}.${GATEWAY}`)).toBe(true);

      await lab.run(['reboot', 'h1']);
      await expectMeetings(containers);
      expect(await first.reaches(OUTSIDE)).toBe(true);
    },
    { logsErrors: true },
  );

  test('a host that has no such interface has the network, says what is missing, and starts no container in it', async (lab) => {
    await lab.lan('unplug', 'h3');
    const { v4 } = await prefixesOf(lab);
    await createOffice(lab, '-o', 'parent=office');
    const [web, db] = await Promise.all(
      ['h1', 'h2'].map((host) => runContainer(lab, host, 'office', { name: `web-${host}` })),
    );
    await expectMeetings([web, db] as Container[]);
    const refused = await refusal(lab.docker('h3', 'run', '--rm', '--network', 'office', 'tools', 'true'));
    expect(refused).toMatch(/has no interface eth1/);
    const isTold = expect.stringMatching(/network office .*no interface eth1 \(office in `parents`\)/);
    for (const host of ['h1', 'h3'])
      await eventually(async () => expect(await problemsOf(lab, host)).toContainEqual(isTold));
    expect(await lab.in('h3', 'sh', '-c', 'xnet doctor || true')).toMatch(
      /^failure +lans +network office: this host has no/m,
    );
    const trace = await lab.in('h1', 'sh', '-c', 'xnet trace web-h1 web-h2 || true');
    expect(trace).toMatch(/: 0 faults, 0 unknown/);

    // There it has another name.
    await lab.lan('plug', 'h3');
    await lab.in('h3', 'sh', '-c', 'ip link set eth1 down; ip link set eth1 name lan1; ip link set lan1 up');
    await lab.xnet('h3', 'restart', '--', '--parent', 'office=lan1');
    const third = await runContainer(lab, 'h3', 'office', { name: 'web-h3' });
    await expectMeetings([web, db, third] as Container[]);
    expect(await third.reaches(`${v4}.${GATEWAY}`)).toBe(true);
    for (const host of ['h1', 'h3'])
      await eventually(async () => expect(await problemsOf(lab, host)).toEqual([]));
    await lab.docker('h3', 'rm', '-f', 'web-h3');
    await lab.xnet('h3', 'restart', '--');
    await lab.in('h3', 'sh', '-c', 'ip link set lan1 down; ip link set lan1 name eth1; ip link set eth1 up');
  });

  test('a LAN goes beside an overlay and into Compose, and one without a parent stays inside the host', async (lab) => {
    await createOffice(lab);
    await createMirroredNetwork(lab, 'shop');
    const both = await runContainer(lab, 'h1', 'office', { name: 'both', options: ['--network', 'shop'] });
    const inShop = await runContainer(lab, 'h2', 'shop', { name: 'in-shop' });
    const inOffice = await runContainer(lab, 'h3', 'office', { name: 'in-office' });
    for (const [from, to] of [
      [both, inShop],
      [both, inOffice],
      [inShop, both],
      [inOffice, both],
    ] as const)
      await eventually(async () => expect(await from.greetOverTcp(to.name)).toBe(to.name));
    expect(await both.exec('ip', 'route', 'show', 'default')).toMatch(/^default via 198\.19\.\d+\.254 /);
    expect(await both.reaches(OUTSIDE)).toBe(true);
    expect(await inShop.reaches(OUTSIDE)).toBe(false);

    const file = (service: string) => composeFile(service, 'name: office', 'external: true');
    await Promise.all([bringUp(lab, 'h1', file('front')), bringUp(lab, 'h2', file('back'))]);
    await expectReached(lab, ['h1', 'front'], ['h2', 'back']);
    for (const host of ['h1', 'h2']) await compose(lab, host, 'down', '-t', '0');
    const inside = ['driver_opts:', '  xnet.mode: macvlan', '  xnet.name: inside', 'internal: true'];
    await bringUp(lab, 'h1', composeFile('alone', ...XNET_NETWORK, ...inside));
    const [one, other] = await Promise.all(
      ['one', 'other'].map((name) => runContainer(lab, 'h1', 'app_default', { name })),
    );
    await eventually(async () => expect(await one?.greetOverTcp('other')).toBe('other'));
    expect(await other?.exec('ip', 'route')).not.toContain('default');
    await compose(lab, 'h1', 'down', '-t', '0').catch(() => undefined);
  });

  test('what means nothing on a LAN is refused, naming option, value, rule and remedy', async (lab) => {
    const { v4 } = await prefixesOf(lab);
    const create = (...options: string[]) => refusal(lab.docker('h1', ...CREATE, ...options, 'bad'));
    const macvlan = ['-o', 'xnet.mode=macvlan'];
    const cases: readonly [string[], RegExp][] = [
      [macvlan, /xnet\.mode=macvlan needs the interface .*-o parent=INTERFACE, or --internal/],
      [[...macvlan, '-o', 'parent=eht1'], /-o parent=eht1 must name an interface of this host/],
      [[...MACVLAN, '-o', 'xnet.vni=7'], /-o xnet\.vni=7 is of .*overlay.*leave -o xnet\.vni out/],
      [[...MACVLAN, '-o', 'xnet.multicast=off'], /-o xnet\.multicast=off is of .*leave/],
      [MACVLAN, /-o parent=eth1 needs the subnet of the LAN.*add --subnet and --gateway/],
      [['-o', 'parent=eth1'], /-o parent=eth1 is of .*add -o xnet\.mode=macvlan/],
      [
        [...macvlan, '--internal', '--subnet', '10.9.0.0/24', '--gateway', '10.9.0.1'],
        /--gateway 10\.9\.0\.1 does not go with --internal/,
      ],
      [[...macvlan, '--internal', '-o', 'xnet.host=on'], /xnet\.host=on does not go with --internal/],
      [
        [...MACVLAN, '-o', 'com.docker.network.driver.mtu=9000'],
        /mtu=9000 must be at most 1500, the MTU of eth1/,
      ],
    ];
    for (const [options, reason] of cases) expect(await create(...options)).toMatch(reason);
    await createOffice(lab);
    expect(await create(...MACVLAN, '--subnet', `${v4}.0/24`)).toMatch(
      /is that of network office; .*--ipam-opt xnet\.name/,
    );
    const twin = [...MACVLAN, '--ipam-opt', 'xnet.name=twin', '--subnet', `${v4}.0/24`];
    expect(await succeeds(lab.docker('h1', ...CREATE, ...twin, 'twin'))).toBe(true);
  });
});
