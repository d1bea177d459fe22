/**
 * The path between hosts is measured: what does not pass is a problem on both ends, in time, and nothing else is. `xnet ping`, and
 * addresses that are used twice.
 */
import { expect } from '@jest/globals';
import { eventsAnswer } from '../../src/admin/answers.js';
import { OPERATIONS } from '../../src/admin/operations.js';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import { expectNoProblem } from '../support/containers/networks.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { problemsOf, xnetAnswer } from '../support/lab/xnet-answer.js';
import { eventually } from '../support/time/eventually.js';
import { expectInTime } from '../support/time/in-time.js';

/** Promised. */
const LOST_MS = 30_000;
const BACK_MS = 15_000;
/** After which a host whose xnet has stopped is silent. */
const SILENT_MS = 30_000;

/** The path from `host` to each other, by name. */
async function pathsOf(lab: Lab, host: string): Promise<Record<string, string>> {
  const hosts = OPERATIONS.hosts.answer.parse(JSON.parse(await lab.in(host, 'xnet', 'hosts', '-o', 'json')));
  return Object.fromEntries(
    hosts.flatMap(({ name = '', path }) => (path ? [[name, `${path.state} ${path.largest ?? '-'}`]] : [])),
  );
}

/** Resolves to the time until each host's paths are as given. */
async function untilPaths(
  lab: Lab,
  wanted: Record<string, Record<string, string>>,
  boundMs: number,
): Promise<number> {
  const from = performance.now();
  for (const [host, paths] of Object.entries(wanted))
    await eventually(async () => expect(await pathsOf(lab, host)).toMatchObject(paths), 2 * boundMs);
  return performance.now() - from;
}

async function allPass(lab: Lab, boundMs: number): Promise<number> {
  const passes = (host: string) =>
    Object.fromEntries(lab.hosts.filter((each) => each !== host).map((each) => [each, 'passes 1450']));
  return untilPaths(lab, Object.fromEntries(lab.hosts.map((host) => [host, passes(host)])), boundMs);
}

/** `HOST KIND WHAT` of all that has happened to paths. */
async function pathEvents(lab: Lab): Promise<string[]> {
  const { items } = eventsAnswer.parse(
    JSON.parse(await lab.in('h1', 'xnet', 'events', '--all', '-o', 'json')),
  );
  return items
    .filter(({ kind }) => kind.startsWith('path '))
    .map(({ host, kind, what }) => `${host} ${kind} ${what}`);
}

async function shareNetwork(lab: Lab): Promise<void> {
  await createMirroredNetwork(lab, 'shop');
  for (const host of lab.hosts) await runContainer(lab, host, 'shop', { name: `web${host}` });
  await allPass(lab, BACK_MS);
}

describeInLab('paths', { hosts: 3 }, (test) => {
  test('all pass on a healthy lab; ping, doctor and status say so', async (lab) => {
    await shareNetwork(lab);
    const ping = OPERATIONS.ping.answer.parse(
      JSON.parse(await lab.in('h1', 'xnet', 'ping', 'h2', '--count', '3', '-o', 'json')),
    );
    const mtu = Number(await lab.docker('h1', 'exec', 'webh1', 'cat', '/sys/class/net/eth0/mtu'));
    expect(ping.tunnel).toMatchObject({ sent: 3, answered: 3, largest: mtu, needed: mtu });
    expect(ping.underlay).toMatchObject({ sent: 3, answered: 3, largest: 1500, needed: 1500 });
    expect(await lab.in('h1', 'xnet', 'ping', 'h2', '--count', '1')).toMatch(
      /^packets of 84 bytes to h2 .*\n\nWAY +SENT .*\ntunnel +1 +1 +0% .*1450 of 1450 bytes\nunderlay .*\n\npackets of containers pass to h2/,
    );
    const refused = (...words: string[]) => expect(lab.in('h1', 'xnet', 'ping', ...words)).rejects;
    await refused('h1').toThrow('h1 is this host');
    await refused('h9').toThrow('no host with the name or id "h9"');
    await refused('webh1').toThrow(/"webh1" is a container, .*did you mean: xnet trace web\S+ webh1/);
    await refused('h2', '--size', '1451').toThrow('the size 1451 is not from 64 to 1450');
    await refused('h2', '--count', '0').toThrow('must be a whole number from 1 to 40');
    expect(await lab.in('h1', 'xnet', 'doctor')).toMatch(
      /^ok +paths +packets of 1450 bytes pass to 2 hosts and back/m,
    );
    for (const host of lab.hosts) await expectNoProblem(lab, host);
  });

  test('one direction that is dropped is a problem on both ends within 30 s, on no other, and over within 15 s', async (lab) => {
    await shareNetwork(lab);
    const from = await lab.ip('h1');
    const rule = `udp dport 4789 ip saddr ${from} drop`;
    await lab.in(
      'h2',
      'nft',
      `table inet fw { chain input { type filter hook input priority 0; ${rule}; }; }`,
    );
    const lost = { h1: { h2: 'lost -', h3: 'passes 1450' }, h2: { h1: 'lost -' }, h3: { h1: 'passes 1450' } };
    expectInTime(await untilPaths(lab, lost, LOST_MS), LOST_MS);
    expect(await problemsOf(lab, 'h1')).toEqual([
      expect.stringMatching(/to host h2 .*: its packets arrive here, those of this host do not arrive there/),
    ]);
    expect(await problemsOf(lab, 'h2')).toEqual([
      expect.stringMatching(/to host h1 .*: none of its packets arrives here/),
    ]);
    expect(await problemsOf(lab, 'h3')).toEqual([]);
    await expect(lab.in('h1', 'xnet', 'ping', 'h2', '--count', '1')).rejects.toThrow(
      /h2 answers on the underlay and not through the tunnel/,
    );
    const doctor = await lab.in('h1', 'sh', '-c', 'xnet doctor --all || test $? = 1');
    expect(doctor).toMatch(/^failure +paths +no packet through the tunnel to host h2/m);
    // Those of h3 pass: the rule compares an address, and the doctor knows whose it is.
    expect(doctor).toMatch(
      /^failure +firewall +this host drops the tunnel's packets to and from h1 \(UDP 4789\)/m,
    );
    const [, remedy = 'false'] = /-> (nft delete rule inet fw input handle \d+)$/m.exec(doctor) ?? [];
    await lab.in('h2', 'sh', '-c', remedy);
    expectInTime(await allPass(lab, BACK_MS), BACK_MS);
    await lab.in('h2', 'nft', 'delete', 'table', 'inet', 'fw');
    for (const host of lab.hosts) await expectNoProblem(lab, host);
    await eventually(async () => {
      expect((await pathEvents(lab)).sort()).toEqual(
        ['h1 path back h2', 'h1 path lost h2', 'h2 path back h1', 'h2 path lost h1'].sort(),
      );
    });
  });

  test('an underlay that takes less on one host is found on all, with the size that passes', async (lab) => {
    await shareNetwork(lab);
    await lab.in('h3', 'ip', 'link', 'set', 'eth0', 'mtu', '1400');
    const narrow = expect.stringMatching(/^narrow 135[04]$/) as unknown as string;
    const found = {
      h1: { h2: 'passes 1450', h3: narrow },
      h2: { h3: narrow },
      h3: { h1: narrow, h2: narrow },
    };
    expectInTime(await untilPaths(lab, found, LOST_MS), LOST_MS);
    for (const host of ['h1', 'h2'])
      expect(await problemsOf(lab, host)).toEqual([
        expect.stringMatching(
          /^packets of more than 135[04] bytes do not pass .* h3 .*: the interface of h3 carries no more; .*driver\.mtu=1350$/,
        ),
      ]);
    for (const problem of await problemsOf(lab, 'h3'))
      expect(problem).toMatch(
        /: eth0 of this host has MTU 1400; ip link set eth0 mtu 1500 {3}# .*driver\.mtu=1350$/,
      );
    await expect(lab.in('h1', 'xnet', 'ping', 'h3', '--count', '1')).rejects.toThrow(
      /do not pass .*: the interface of h3 carries no more; .*`xnet doctor` there prints the command/,
    );
    const { hosts } = await xnetAnswer(lab, 'h3', 'doctor');
    const findings = hosts[0]?.findings.filter(({ check }) => ['mtu', 'paths'].includes(check));
    const remedies = findings?.flatMap(({ remedy }) => remedy?.split('   #')[0] ?? []);
    expect([...new Set(remedies)]).toEqual(['ip link set eth0 mtu 1500']);
    await lab.in('h3', 'sh', '-c', remedies?.[0] ?? 'false');
    expectInTime(await allPass(lab, BACK_MS), BACK_MS);
  });

  test('a daemon that dies, and a host without power, are no path that is lost', async (lab) => {
    await shareNetwork(lab);
    const before = await pathEvents(lab);
    await lab.xnet('h2', 'crash');
    await lab.run(['poweroff', 'h3']);
    await eventually(
      async () =>
        expect(await problemsOf(lab, 'h1')).toEqual([expect.stringMatching(/^host h3 .* is silent/)]),
      SILENT_MS,
    );
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    await lab.run(['reboot', 'h3']);
    for (const host of lab.hosts) await expectNoProblem(lab, host);
    expect(await pathEvents(lab)).toEqual(before);
  });

  test('an address that was set by hand and is another container’s is named, and the remedy mends it', async (lab) => {
    await shareNetwork(lab);
    const taken = (
      await lab.docker('h2', 'inspect', '-f', '{{.NetworkSettings.Networks.shop.IPAddress}}', 'webh2')
    ).trim();
    const pid = (await lab.docker('h1', 'inspect', '-f', '{{.State.Pid}}', 'webh1')).trim();
    await lab.in('h1', 'nsenter', '-t', pid, '-n', 'ip', 'addr', 'add', `${taken}/24`, 'dev', 'eth0');
    const doctor = await lab.in('h1', 'sh', '-c', 'xnet doctor || test $? = 1');
    expect(doctor).toMatch(
      new RegExp(
        `^failure +addresses +network shop: the address ${taken} of webh2 on h2 is also that of container webh1 here`,
        'm',
      ),
    );
    // Of this host, and with its name on the others.
    const said = new RegExp(
      `network shop: the address ${taken} of webh2 on h2 is also that of container webh1 here`,
    );
    await eventually(async () => expect((await problemsOf(lab, 'h2')).join()).toMatch(said));
    const [, remedy = ''] = /-> (nsenter --net=.* ip addr del .*)/.exec(doctor) ?? [];
    await lab.in('h1', 'sh', '-c', remedy);
    expect(await lab.in('h1', 'sh', '-c', 'xnet doctor || test $? = 1')).toMatch(/^ok +addresses /m);
    for (const host of lab.hosts) await expectNoProblem(lab, host);
  });
});
