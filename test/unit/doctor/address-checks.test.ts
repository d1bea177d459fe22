import { expect, test } from '@jest/globals';
import {
  judgeAddresses,
  judgeSources,
  type SeenEndpoint,
  type SourceFacts,
} from '../../../src/doctor/address-checks.js';

const MAC = '02:01:0a:09:00:02';

function seen(
  container: string,
  addresses: readonly string[],
  more: Partial<SeenEndpoint> = {},
): SeenEndpoint {
  const lo = { name: 'lo', mac: '00:00:00:00:00:00', addresses: ['127.0.0.1/8', '::1/128'] };
  const gateway = { name: 'eth1', mac: '02:42:ac:12:00:02', addresses: ['172.18.0.2/16'] };
  return {
    ...{
      container,
      network: 'shop',
      subnets: ['10.9.0.0/24', 'fd00:9::/64'],
      addresses: ['10.9.0.2'],
      mac: MAC,
    },
    isBound: false,
    ...{ sandboxPath: '/run/docker/netns/0123456789ab' },
    interfaces: [lo, { name: 'eth0', mac: MAC, addresses }, gateway],
    holderOf: (wanted) => ({ '10.9.0.7': 'db on h2', '02:01:0a:09:00:07': 'db on h2' })[wanted],
    ...more,
  };
}

const OWN = ['10.9.0.2/24', 'fe80::1/64'];
const withMac = (mac: string) => ({ interfaces: [{ name: 'eth0', mac, addresses: OWN }] });

test.each<[string, readonly SeenEndpoint[], verdict: string, found: RegExp, remedy?: string]>([
  ['its own', [seen('web', OWN)], 'ok', /^1 containers have their own addresses and MACs alone$/],
  ['a floating address', [seen('web', [...OWN, '10.9.0.99/24'])], 'ok', /./],
  [
    'a floating address, where it may send from its own alone',
    [seen('web', [...OWN, '10.9.0.99/24'], { isBound: true })],
    'failure',
    /container web was not given the address 10\.9\.0\.99, .*what it sends from it is dropped/,
    'nsenter --net=/run/docker/netns/0123456789ab ip addr del 10.9.0.99/24 dev eth0 # or, if containers are to share it, create the network anew with -o xnet.spoof=allow',
  ],
  ['an address of another network', [seen('web', [...OWN, '10.10.0.7/24'])], 'ok', /./],
  [
    'the address of its service on its loopback, as other tasks of it',
    ['web', 'app'].map((name) =>
      seen(name, OWN, {
        interfaces: [{ name: 'lo', mac: '00:00:00:00:00:00', addresses: ['10.9.0.50/32'] }],
      }),
    ),
    'ok',
    /./,
  ],
  [
    'that of another container',
    [seen('web', [...OWN, '10.9.0.7/24'])],
    'failure',
    /the address 10\.9\.0\.7 of db on h2 is also that of container web here \(eth0\)/,
    'nsenter --net=/run/docker/netns/0123456789ab ip addr del 10.9.0.7/24 dev eth0',
  ],
  [
    'a floating address that two have',
    [seen('web', [...OWN, 'fd00:9::99/64']), seen('app', ['10.9.0.2/24', 'fd00:9::99/64'])],
    'failure',
    /the address fd00:9::99 of app is also that of container web here/,
  ],
  [
    'another MAC',
    [seen('web', OWN, withMac('02:01:0a:09:00:07'))],
    'failure',
    /container web has the MAC 02:01:0a:09:00:07 \(eth0\), that of db on h2, set by hand, and the other hosts send to 02:01:0a:09:00:02/,
    `nsenter --net=/run/docker/netns/0123456789ab ip link set eth0 address ${MAC}`,
  ],
  [
    'an interface whose name is a command',
    [
      seen('web', OWN, {
        interfaces: [{ name: 'a;reboot', mac: '02:01:0a:09:00:07', addresses: [...OWN, '10.9.0.7/24'] }],
      }),
    ],
    'failure',
    /./,
    "nsenter --net=/run/docker/netns/0123456789ab ip addr del 10.9.0.7/24 dev 'a;reboot'",
  ],
  [
    'another MAC, on an interface whose name is a command',
    [seen('web', OWN, { interfaces: [{ name: '$(reboot)', mac: '02:01:0a:09:00:07', addresses: OWN }] })],
    'failure',
    /./,
    `nsenter --net=/run/docker/netns/0123456789ab ip link set '$(reboot)' address ${MAC}`,
  ],
  [
    'a MAC that nobody has',
    [seen('web', OWN, withMac('02:00:00:00:00:01'))],
    'failure',
    /\(eth0\), set by hand/,
  ],
])('a container that has %s', (...[, endpoints, verdict, found, remedy]) => {
  const [judgement] = judgeAddresses(endpoints);
  expect(judgement).toMatchObject({ verdict, found: expect.stringMatching(found) });
  if (remedy) expect(judgement?.remedy).toBe(remedy);
});

test('an interface that a container has named like a command is one word of the remedy', () => {
  const named = (mac: string, addresses: readonly string[]) => [{ name: ';reboot;', mac, addresses }];
  const endpoints = [
    seen('web', OWN, { interfaces: named(MAC, [...OWN, '10.9.0.7/24']) }),
    seen('app', OWN, { interfaces: named('02:01:0a:09:00:07', OWN) }),
  ];
  const remedies = judgeAddresses(endpoints).map(({ remedy }) => remedy);
  expect(remedies).toHaveLength(2);
  for (const remedy of remedies) expect(remedy).toMatch(/ ';reboot;'( |$)/);
});

const held = (container: string, facts: Partial<SourceFacts> = {}): SourceFacts => ({
  ...{ container, network: 'shop', isHeld: true, forged: 0 },
  ...facts,
});

test.each<[string, readonly SourceFacts[], verdict: string, found: RegExp, remedy: string | undefined]>([
  [
    'its rules',
    [held('web'), held('db')],
    'ok',
    /^2 containers send from their own MACs and addresses alone$/,
    undefined,
  ],
  [
    'forged',
    [held('web', { forged: 3 })],
    'ok',
    /; dropped since their rules were written: 3 packets of web in shop$/,
    undefined,
  ],
  [
    'no rules',
    [held('web'), held('a b', { isHeld: false, forged: 3 })],
    'failure',
    /^network shop: container a b may send from any MAC and address/,
    "docker restart 'a b' # if the daemon runs, and has not written them again within 30 s",
  ],
])('a container that has %s', (_, facts, verdict, found, remedy) => {
  const [judged, ...more] = judgeSources(facts);
  expect(more).toEqual([]);
  expect(judged).toEqual({
    ...{ verdict, found: expect.stringMatching(found) },
    ...(remedy !== undefined && { remedy }),
  });
});
