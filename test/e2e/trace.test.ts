/** `xnet trace`: a healthy way has no fault, each fault is named at its hop, and what is printed mends it. */
import { expect } from '@jest/globals';
import type { HopItem } from '../../src/admin/diagnosis-answers.js';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { xnetAnswer } from '../support/lab/xnet-answer.js';
import { eventually } from '../support/time/eventually.js';

const SANDBOX = (container: string) =>
  `S=$(docker inspect -f '{{.NetworkSettings.SandboxKey}}' ${container}); nsenter --net=$S`;

async function trace(lab: Lab, host: string, ...words: string[]): Promise<readonly HopItem[]> {
  return (await xnetAnswer(lab, host, 'trace', ...words)).hops;
}

function notWell(hops: readonly HopItem[]): readonly HopItem[] {
  return hops.filter(({ verdict }) => verdict === 'fault' || verdict === 'unknown');
}

async function expectHealthy(lab: Lab, host: string, ...words: string[]): Promise<void> {
  await eventually(async () => expect(notWell(await trace(lab, host, ...words))).toEqual([]));
}

/** `HOST HOP: what was found` of each fault, but for what the probe shows. */
function faultsOf(hops: readonly HopItem[]): string[] {
  const faults = hops.filter(({ verdict, hop }) => verdict === 'fault' && !hop.startsWith('probe'));
  return faults.map(({ host, hop, found }) => `${host} ${hop}: ${found}`);
}

/** Runs what is printed, as it is printed, on the hosts of the faults. */
async function mend(lab: Lab, hops: readonly HopItem[]): Promise<void> {
  for (const { verdict, hop, host, remedy = '' } of hops)
    if (verdict === 'fault' && !hop.startsWith('probe') && hop !== 'listener')
      await lab.in(host, 'sh', '-c', remedy);
}

async function sh(lab: Lab, host: string, ...lines: string[]): Promise<string> {
  return (await lab.in(host, 'sh', '-c', `set -e; ${lines.join('\n')}`)).trim();
}

/** web on h1 and db on h2 in the network shop. */
async function setScene(lab: Lab) {
  await createMirroredNetwork(lab, 'shop');
  await runContainer(lab, 'h1', 'shop', { name: 'web' });
  await runContainer(lab, 'h2', 'shop', { name: 'db' });
  const field = (host: string, container: string, name: string) =>
    sh(lab, host, `docker inspect -f '{{(index .NetworkSettings.Networks "shop").${name}}}' ${container}`);
  const [address, mac, endpoint] = await Promise.all(
    ['IPAddress', 'MacAddress', 'EndpointID'].map((name) => field('h2', 'db', name)),
  );
  const namespace = await sh(lab, 'h1', 'ls /run/netns | grep -E "^xnet-[0-9a-f]{12}$"');
  return { address, mac, endpoint, namespace, ownAddress: await field('h1', 'web', 'IPAddress') };
}

const NFT_INPUT = `nft add table inet fw; nft add chain inet fw input '{ type filter hook input priority 0; policy accept; }'`;

describeInLab('trace', { hosts: 3 }, (test) => {
  test('finds nothing on a healthy way, ten times, asked from any host', async (lab) => {
    await setScene(lab);
    await expectHealthy(lab, 'h1', 'web', 'db');
    const runs = ['h1', 'h2'].flatMap((host) =>
      Array.from({ length: 5 }, () => trace(lab, host, 'web', 'db:7')),
    );
    for (const hops of await Promise.all(runs)) expect(notWell(hops)).toEqual([]);
    const from3 = await trace(lab, 'h3', 'db', 'web:7', '--udp');
    expect(from3.map(({ verdict }) => verdict)).toEqual(from3.map(() => 'ok'));
    expect(from3.map(({ host, hop }) => `${host} ${hop.replace(/ \(.*/, '')}`)).toEqual(
      expect.arrayContaining([
        'h2 name',
        'h2 FDB',
        'h1 underlay',
        'h1 listener',
        'h1 probe: tunnel',
        'h2 probe: answer',
      ]),
    );
    const ways = [
      ['web', 'outside'],
      ['web', 'h3'],
      ['web', `${await lab.outside()}:80`],
      ['h2', 'h3'],
    ] as const;
    await Promise.all(ways.map((ends) => expectHealthy(lab, 'h1', ...ends)));
    expect(await sh(lab, 'h1', 'xnet trace web db')).toMatch(
      /web to db, in shop: 0 faults, 0 unknown, \d+ ok$/,
    );
    await expect(lab.in('h1', 'xnet', 'trace', 'web', 'web')).rejects.toThrow(/are the same/);
    await expect(lab.in('h1', 'xnet', 'trace', 'web', 'nobody')).rejects.toThrow(
      /no container and no host is called/,
    );
    await expect(lab.in('h1', 'xnet', 'trace', 'web', 'db:99999')).rejects.toThrow(/"99999" is not a port/);
  });

  test('names many faults at once, each at its hop, and what it prints mends them', async (lab) => {
    const { address, ownAddress } = await setScene(lab);
    const length = (await sh(lab, 'h2', `${SANDBOX('db')} ip -br addr show eth0`)).split('/')[1];
    await sh(
      lab,
      'h1',
      `${SANDBOX('web')} sh -c "nft add table inet fw; nft add chain inet fw out '{ type filter hook output priority 0; policy accept; }'; nft add rule inet fw out ip daddr ${address} tcp dport '{ 80, 8080 }' drop"`,
      `${SANDBOX('web')} ip route add blackhole ${address}`,
      'iptables-legacy -A INPUT -p udp --dport 4789 -j DROP',
    );
    await sh(
      lab,
      'h2',
      `${SANDBOX('db')} iptables-legacy -A INPUT -s ${ownAddress} -p tcp -j REJECT`,
      `${SANDBOX('db')} sh -c 'ip addr del ${address}/${length} dev eth0; ip addr add ${address}/32 dev eth0'`,
      `${NFT_INPUT}; nft add rule inet fw input udp dport 4789 drop`,
      'ip link set eth0 mtu 1400',
      'docker pause db',
    );
    const expected = [
      /^h1 route: Invalid argument/,
      /^h1 own firewall: nft rule \d+ in inet fw, chain out/,
      /^h1 host firewall: iptables-legacy INPUT .*4789/,
      /^h2 underlay: by eth0, MTU 1400/,
      /^h2 host firewall: nft rule \d+ in inet fw, chain input/,
      /^h2 container: paused/,
      /^h2 own firewall: iptables-legacy INPUT .* -j REJECT/,
      /^h2 interface: eth0, up, .*\/32/,
      /^h2 listener: nothing listens there/,
    ];
    let hops: readonly HopItem[] = [];
    // xnet follows the MTU of the underlay meanwhile.
    await eventually(async () => {
      hops = await trace(lab, 'h3', 'web', 'db:8080');
      const faults = faultsOf(hops);
      for (const fault of expected) expect(faults).toContainEqual(expect.stringMatching(fault));
      expect(faults).toHaveLength(expected.length);
    });
    await mend(lab, hops);
    await lab.docker('h2', 'exec', '-d', 'db', 'socat', 'TCP-LISTEN:8080,fork,bind=127.0.0.1', 'EXEC:cat');
    await eventually(async () =>
      expect(faultsOf(await trace(lab, 'h1', 'web', 'db:8080'))).toEqual([
        'h2 listener: only at 127.0.0.1, which other containers do not reach',
      ]),
    );
    await lab.docker('h2', 'exec', '-d', 'db', 'socat', `TCP-LISTEN:8081,fork`, 'EXEC:cat');
    await expectHealthy(lab, 'h1', 'web', 'db:8081');
    await sh(lab, 'h2', 'nft delete table inet fw');

    await sh(lab, 'h1', `${SANDBOX('web')} ip route replace default via ${address}`);
    await sh(lab, 'h2', `${SANDBOX('db')} ip link set eth0 down`);
    const outside = await trace(lab, 'h1', 'web', 'outside');
    expect(faultsOf(outside)).toEqual([`h1 route: by eth0 and ${address}`]);
    await mend(lab, outside);
    const down = await trace(lab, 'h1', 'web', 'db');
    expect(faultsOf(down)).toEqual([expect.stringMatching(/^h2 interface: eth0, down/)]);
    expect(vanishedIn(down)).toBe('the packet vanished between tunnel on h2 and port on h2');
    await mend(lab, down);

    await lab.docker('h3', 'run', '-d', '--name', 'lone', 'tools', 'sleep', '1d');
    const apart = await trace(lab, 'h1', 'web', 'lone');
    expect(faultsOf(apart)).toEqual(['h3 network: lone is in bridge; web is in shop']);
    await mend(lab, apart);
    const ways = ['outside', 'db', 'lone'].map((to) => expectHealthy(lab, 'h1', 'web', to));
    await Promise.all(ways);
  });

  test('names the place at which a packet, or its answer, vanished', async (lab) => {
    await setScene(lab);
    const drops = [
      [
        'h2',
        'nft add rule inet fw input udp dport 4789 drop',
        'the packet vanished between underlay on h2 and tunnel on h2',
      ],
      [
        'h1',
        'nft add rule inet fw input udp dport 4789 drop',
        'the packet passed; its answer vanished between underlay on h1 and tunnel on h1',
      ],
    ] as const;
    for (const [host, rule, found] of drops) {
      await sh(lab, host, NFT_INPUT, rule);
      const hops = await trace(lab, 'h3', 'web', 'db');
      expect(vanishedIn(hops)).toBe(found);
      await mend(lab, hops);
      await sh(lab, host, 'nft delete table inet fw');
    }
    // Nothing that xnet looks at shows it: the probe alone does.
    await sh(lab, 'h2', `${SANDBOX('db')} sysctl -q -w net.ipv4.icmp_echo_ignore_all=1`);
    const silent = await trace(lab, 'h1', 'web', 'db');
    expect(faultsOf(silent)).toEqual([]);
    expect(vanishedIn(silent)).toBe('the packet arrived; db did not answer');
    await sh(lab, 'h2', `${SANDBOX('db')} sysctl -q -w net.ipv4.icmp_echo_ignore_all=0`);
    await expectHealthy(lab, 'h1', 'web', 'db');
  });

  test(
    'names what others keep altering, which xnet mends as soon as they stop',
    async (lab) => {
      const { address, mac, endpoint = '', namespace } = await setScene(lab);
      await expectHealthy(lab, 'h1', 'web', 'db');
      const own = `xc${(await sh(lab, 'h1', `docker inspect -f '{{(index .NetworkSettings.Networks "shop").EndpointID}}' web`)).slice(0, 12)}`;
      const alterations: readonly (readonly [host: string, line: string, fault: RegExp])[] = [
        [
          'h1',
          `bridge -n ${namespace} fdb replace ${mac} dev vxlan0 dst 198.18.99.99 self static`,
          /^h1 FDB: behind 198\.18\.99\.99/,
        ],
        ['h1', `ip -n ${namespace} neigh del ${address} dev br0`, /^h1 neighbour: no neighbour entry/],
        ['h1', `ip -n ${namespace} link set ${own} down`, new RegExp(`^h1 port: ${own} is down`)],
        [
          'h2',
          `ip -n ${namespace} link set vxlan0 type vxlan local 198.18.99.98`,
          /^h2 tunnel: up, .* from 198\.18\.99\.98/,
        ],
        [
          'h2',
          `ip -n ${namespace} link set xc${endpoint.slice(0, 12)} nomaster`,
          /^h2 port: .* is not a port of br0/,
        ],
        [
          'h2',
          `nft delete element inet xnet vteps4 '{ ${await lab.ip('h1')} }'`,
          /^h2 tunnel filter: it drops them/,
        ],
      ];
      const stop = '/run/no-more-alterations';
      const altering = ['h1', 'h2'].map((host) => {
        const lines = alterations.filter(([on]) => on === host).map(([, line]) => `${line} 2>/dev/null;`);
        return lab.start(
          host,
          'sh',
          '-c',
          `while [ ! -e ${stop} ]; do ${lines.join(' ')} sleep 0.02; done; rm ${stop}`,
        );
      });
      const named = new Map<string, HopItem>();
      await eventually(async () => {
        for (const hop of await trace(lab, 'h1', 'web', 'db'))
          for (const fault of faultsOf([hop])) named.set(fault, hop);
        for (const [, , fault] of alterations)
          expect([...named.keys()]).toContainEqual(expect.stringMatching(fault));
      });
      for (const host of ['h1', 'h2']) await lab.in(host, 'touch', stop);
      for (const each of altering) await each.ended();
      await mend(lab, [...named.values()]);
      await expectHealthy(lab, 'h1', 'web', 'db');
    },
    // A repair fails whose object is altered in its midst.
    { timeoutMs: 180_000, logsErrors: true },
  );

  test(
    'goes on where a host is dead, was renumbered meanwhile, or is cut off',
    async (lab) => {
      await setScene(lab);
      await runContainer(lab, 'h3', 'shop', { name: 'far' });
      await expectHealthy(lab, 'h1', 'web', 'far');
      const address = await lab.ip('h3');
      const outside = await lab.outside();
      const renumber = (from: string, to: string) => [
        `ip addr del ${from}/24 dev eth0; ip addr add ${to}/24 dev eth0; ip route add default via ${outside}`,
      ];
      await Promise.all([lab.xnet('h3', 'kill'), lab.run(['partition', 'h2'])]);
      await sh(lab, 'h3', ...renumber(address, `${address}3`));
      const expectSilent = async (host: string, container: string) => {
        let hops: readonly HopItem[] = [];
        await eventually(async () => {
          hops = await trace(lab, 'h1', 'web', container);
          expect(faultsOf(hops)).toEqual([expect.stringMatching(`^${host} xnet: no sign of life`)]);
        });
        const others = hops.filter((each) => each.host === host && each.hop !== 'xnet');
        expect(others).toHaveLength(19);
        for (const { found, verdict } of others.filter((each) => each.verdict !== 'does not apply'))
          expect([verdict, found]).toEqual([
            'unknown',
            expect.stringMatching(`^${host} gives no sign of life`),
          ]);
      };
      await Promise.all([expectSilent('h3', 'far'), expectSilent('h2', 'db')]);
      const fromThere = await trace(lab, 'h2', 'db', 'web');
      const ofOther = fromThere.filter(({ host, verdict }) => host === 'h1' && verdict === 'unknown');
      expect(ofOther.map(({ found }) => found)).toContainEqual(expect.stringMatching(/etcd does not answer/));
      expect(fromThere.find(({ host, hop }) => host === 'h2' && hop === 'interface')?.verdict).toBe('ok');
      // As `systemctl start xnet` would: every host follows to the new address.
      await Promise.all([lab.xnet('h3', 'start'), lab.run(['heal', 'h2'])]);
      await Promise.all(['far', 'db'].map((to) => expectHealthy(lab, 'h1', 'web', to)));
      await sh(lab, 'h3', ...renumber(`${address}3`, address));
      await expectHealthy(lab, 'h1', 'web', 'far');
    },
    { timeoutMs: 240_000, logsErrors: true },
  );
});

/** What the probe says of the first place that did not see what it should have. */
function vanishedIn(hops: readonly HopItem[]): string | undefined {
  return hops.find(({ verdict, hop }) => verdict === 'fault' && hop.startsWith('probe'))?.found;
}
