import { describe, expect, test } from '@jest/globals';
import { outwardDrops } from '../../../src/dataplane/firewalls/outward-drops.js';

const BRIDGE = { device: 'docker_gwbridge', subnet: '172.18.0.0/16' };

/** As nft 1.1 prints Docker's rules of iptables-nft. */
const nat = (rule: string) => `table ip nat {
	chain POSTROUTING {
		type nat hook postrouting priority srcnat; policy accept;
		${rule}
	}
}`;
const forward = (policy: string, rules: string) => `table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy ${policy};
${rules}	}
}`;
const JUMPS = '\t\tcounter packets 2 bytes 168 jump DOCKER-USER\n\t\tcounter jump DOCKER-FORWARD\n';
const OURS = nat('ip saddr 172.18.0.0/16 oifname != "docker_gwbridge" counter packets 1 bytes 84 masquerade');
const LEGACY = '*nat\n-A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE\nCOMMIT\n';

describe('what keeps containers from the outside', () => {
  test.each([
    ['iptables-nft has the rule', OURS, ''],
    ['iptables-legacy has it', '', LEGACY],
    ['a rule is for all', nat('oifname "eth0" masquerade'), ''],
    ['a rule gives a fixed address', nat('ip saddr 172.18.0.0/16 counter snat to 192.0.2.1'), ''],
    ['FORWARD drops all but Docker’s', `${OURS}\n${forward('drop', JUMPS)}`, ''],
    ['FORWARD lets all pass', `${OURS}\n${forward('accept', '')}`, ''],
    ['a rule is for a wider range', nat('ip saddr 172.16.0.0/12 oifname "eth0" masquerade'), ''],
    ['a rule is for all but others', nat('ip saddr != 10.0.0.0/8 masquerade'), ''],
    ['a rule is for a set that is not read', nat('ip saddr @inner masquerade'), ''],
    ['nft shows the target of iptables alone', nat('ip saddr 172.18.0.0/16 xt target "MASQUERADE"'), ''],
    [
      'FORWARD of IPv6 drops all, as where Docker has none of it',
      `${OURS}\n${forward('accept', '')}\n${forward('drop', '').replace('table ip ', 'table ip6 ')}`,
      '',
    ],
    [
      'FORWARD accepts behind a rule with a set',
      `${OURS}\n${forward('drop', '\t\tiifname { "eth0", "eth1" } drop\n\t\toifname "eth0" accept\n')}`,
      '',
    ],
    ['the same of iptables-legacy', OURS, '*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j DOCKER-USER\n'],
  ])('nothing: %s', (_, inNft, inLegacy) => {
    expect(outwardDrops(BRIDGE, inNft, inLegacy)).toEqual([]);
  });

  test('no rule, or one for another subnet alone', () => {
    const others = [
      nat('ip saddr 172.17.0.0/16 oifname != "docker0" masquerade'),
      nat('ip saddr != 172.16.0.0/12 masquerade'),
      nat('masquerade').replace('table ip ', 'table ip6 '),
    ];
    for (const inNft of ['', ...others]) {
      const [drop] = outwardDrops(BRIDGE, inNft, '');
      expect(drop?.rule).toBe(
        'no rule gives packets from 172.18.0.0/16 (docker_gwbridge) the address of this host',
      );
      expect(drop?.remedy).toMatch(
        /^iptables -t nat -A POSTROUTING -s 172.18.0.0\/16 ! -o docker_gwbridge -j MASQ/,
      );
    }
  });

  test('FORWARD drops all, and Docker’s rules are gone', () => {
    const inNft = outwardDrops(BRIDGE, `${OURS}\n${forward('drop', '')}`, '');
    expect(inNft).toEqual([
      expect.objectContaining({
        rule: expect.stringMatching(/^iptables drops/),
        remedy: expect.stringMatching(/^systemctl restart docker +# without live-restore/),
      }),
    ]);
    const inLegacy = outwardDrops(BRIDGE, OURS, '*filter\n:FORWARD DROP [0:0]\n-A FORWARD -i x -j DROP\n');
    expect(inLegacy).toMatchObject([{ rule: expect.stringMatching(/^iptables-legacy drops/) }]);
  });
});
