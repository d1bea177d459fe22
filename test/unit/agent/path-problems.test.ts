import { describe, expect, test } from '@jest/globals';
import type { PathState } from '../../../src/agent/paths/followed-path.js';
import { pathProblems } from '../../../src/agent/paths/path-problems.js';
import { type PingedWay, pingMeaning } from '../../../src/agent/paths/ping-meaning.js';

const OWN = { vtep: '192.0.2.1', vxlanPort: 4789, interface: 'eth0', mtu: 1500, carried: 1450 };
/** Its interface has shrunk. */
const SHRUNK = { ...OWN, mtu: 1400, carried: 1350 };
const PASSES: PathState = {
  ...{ verdict: 'passes', since: new Date('2026-01-31T12:00:00.123Z'), roundTripMs: 0.3, isAnswered: true },
  ...{ largest: 1450, needed: 1450, peerMtu: 1450, isIncoming: true },
};

function path(number: number, more: Partial<PathState>) {
  return { name: `h${number}`, vtep: `192.0.2.${number}`, state: { ...PASSES, ...more } };
}

const lost = (number: number, isIncoming = false) => path(number, { verdict: 'lost', isIncoming });
const narrow = (number: number) => path(number, { verdict: 'narrow', largest: 1354 });

describe('the problems of paths', () => {
  test('there is none of a path that passes, or is not known yet', () => {
    expect(pathProblems(OWN, [path(2, {}), path(3, { verdict: undefined })])).toEqual([]);
  });

  test('a path that is lost is named with the time, the direction and what to do', () => {
    const [none, some] = pathProblems(OWN, [lost(2), lost(3, true)]);
    expect(none).toBe(
      'no packet through the tunnel to host h2 (192.0.2.2) has been answered since 2026-01-31T12:00:00Z, though it is alive: none of its packets arrives here; let UDP port 4789 pass between 192.0.2.1 and 192.0.2.2, both ways: `xnet doctor --all` names a firewall’s rule that drops it, `xnet ping h2` tries again'.replace(
        '’',
        "'",
      ),
    );
    expect(some).toContain('its packets arrive here, those of this host do not arrive there');
  });

  test('the name of a host is one word of the command that is printed', () => {
    const [problem] = pathProblems(OWN, [{ ...lost(2), name: 'a;reboot' }]);
    expect(problem).toContain("`xnet ping 'a;reboot'` tries again");
  });

  const WHAT =
    'packets of more than 1354 bytes do not pass between this host and host h2 (192.0.2.2), and containers send up to 1450';

  test.each([
    [
      'what is between',
      OWN,
      {},
      ', though the interfaces of both hosts carry them; give all of the underlay between 192.0.2.1 and 192.0.2.2 an MTU of 1500; if it has to stay so: create the networks anew with -o com.docker.network.driver.mtu=1354',
    ],
    [
      'the interface of this host',
      SHRUNK,
      {},
      ': eth0 of this host has MTU 1400; ip link set eth0 mtu 1500   # if it has to stay so: create the networks anew with -o com.docker.network.driver.mtu=1350',
    ],
    [
      'the interface of the other host',
      OWN,
      { peerMtu: 1350 },
      ": the interface of h2 carries no more; give the underlay's interface of h2 an MTU of 1500: `xnet doctor` there prints the command; if it has to stay so: create the networks anew with -o com.docker.network.driver.mtu=1350",
    ],
    [
      'what is between, though the other host has a network of smaller packets',
      OWN,
      { peerMtu: 1300 },
      ', though the interfaces of both hosts carry them; give all of the underlay between 192.0.2.1 and 192.0.2.2 an MTU of 1500; if it has to stay so: create the networks anew with -o com.docker.network.driver.mtu=1300',
    ],
  ])('a narrow path is named with its cause: %s', (_, own, state, rest) => {
    const { state: narrowed, ...host } = narrow(2);
    expect(pathProblems(own, [{ ...host, state: { ...narrowed, ...state } }])).toEqual([`${WHAT}${rest}`]);
  });

  test('many narrow paths by the interface of this host have one remedy', () => {
    const [problem] = pathProblems(SHRUNK, [2, 3, 4, 5].map(narrow));
    expect(problem).toMatch(/between this host and 4 others .*; ip link set eth0 mtu 1500 /);
  });

  test('networks of the size that is advised pass all of many narrow paths', () => {
    const paths = [2, 3, 4].map(narrow);
    const narrowest = path(5, { verdict: 'narrow', largest: 1304, peerMtu: 1300 });
    for (const own of [OWN, SHRUNK]) {
      const [problem] = pathProblems(own, [...paths, narrowest]);
      expect(problem).toMatch(/^packets of more than 1304 bytes .* -o com.docker.network.driver.mtu=1300$/);
    }
  });

  test('many of one kind are one problem', () => {
    const hosts = Array.from({ length: 998 }, (_, index) => index + 2);
    const [first, second, ...more] = pathProblems(OWN, [
      ...hosts.map((each) => lost(each)),
      ...hosts.map(narrow),
    ]);
    expect(first).toMatch(
      /^no packet through the tunnel to 998 hosts .*\(h10, h100, h101, h102, h103 and 993 more\)/,
    );
    expect(second).toMatch(/^packets of more than 1354 bytes do not pass between this host and 998 others/);
    expect(more).toEqual([]);
  });
});

describe('what `xnet ping` means', () => {
  const way = (answered: number, largest: number | undefined, needed: number): PingedWay => {
    return { result: { sent: 5, roundTripsMs: Array(answered).fill(0.2), largest }, needed };
  };
  const whole = { tunnel: way(5, 1450, 1450), underlay: way(5, 1500, 1500) };
  const silent = way(0, undefined, 1500);
  const narrow = (largest: number) => `${largest} pass, for a reason`;

  test.each([
    ['all passes', whole, /^packets of containers pass to h2 and back, as large as they are$/],
    ['no ping on the underlay', { ...whole, underlay: silent }, /h2 does not answer pings \(ICMP\)/],
    ['the tunnel alone is dropped', { ...whole, tunnel: silent }, /let UDP port 4789 pass both ways/],
    [
      'nothing passes',
      { tunnel: silent, underlay: silent },
      /neither through the tunnel nor on the underlay/,
    ],
    ['large ones do not pass', { ...whole, tunnel: way(5, 1350, 1450) }, /^1350 pass, for a reason$/],
    ['some are lost', { ...whole, tunnel: way(3, 1450, 1450) }, /^2 of 5 packets were lost: none of them on/],
    [
      'some are lost on both',
      { tunnel: way(3, 1450, 1450), underlay: way(4, 1500, 1500) },
      /loses packets, too/,
    ],
    [
      'no network is shared',
      { ...whole, tunnel: { result: undefined, needed: 1450, problem: 'none in common' } },
      /^nothing was sent through the tunnel: none in common$/,
    ],
  ])('%s', (_, ways, meaning) => {
    expect(pingMeaning({ host: 'h2', vxlanPort: 4789, isMeasuring: true, narrow }, ways)).toMatch(meaning);
  });

  test('no firewall is accused where the other host has no end of the path', () => {
    const host = { host: 'h2', vxlanPort: 4789, isMeasuring: false, narrow };
    expect(pingMeaning(host, { ...whole, tunnel: silent })).toMatch(
      /^nothing can be said of the tunnel: h2 has no end of the path, since its xnet is older/,
    );
  });
});
