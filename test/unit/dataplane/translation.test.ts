import { expect, test } from '@jest/globals';
import { findTranslation } from '../../../src/dataplane/firewalls/translation.js';

test.each([
  '-A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE',
  '-A POSTROUTING -o eth0 -j MASQUERADE --random-fully',
  '-A POSTROUTING -s 172.16.0.0/12 -j SNAT --to-source 192.0.2.1',
  '-A POSTROUTING ! -s 192.0.2.0/24 -j MASQUERADE',
  '-A POSTROUTING -s 172.18.0.0/16 ! -d 10.0.0.0/8 -j MASQUERADE',
  '-A POSTROUTING -s 172.0.0.2/255.0.0.255 -j MASQUERADE',
  'ip saddr 172.18.0.0/16 oifname != "docker_gwbridge" counter packets 1 bytes 84 masquerade',
  'ip saddr 172.18.0.0/16 counter packets 0 bytes 0 xt target "MASQUERADE"',
  'ip saddr { 10.0.0.0/8, 172.16.0.0/12 } masquerade',
  'ip saddr @containers masquerade',
  'ip saddr 172.18.0.1-172.18.0.9 snat ip to 192.0.2.1',
  'meta nfproto ipv4 oifname != "lo" masquerade',
  'masquerade',
])('it may be a rule for packets of 172.18.0.2: %s', (rule) => {
  const indent = rule.startsWith('-') ? '' : '\t\t';
  expect(findTranslation(`chain x {\n${indent}${rule}\n}`, '172.18.0.2')).toBe(rule);
});

test.each([
  '-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE',
  '-A POSTROUTING -s 172.18.0.2/32 -d 172.18.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE',
  '-A POSTROUTING ! -s 172.18.0.0/16 -j MASQUERADE',
  '-A POSTROUTING -s fd00::/8 -j MASQUERADE',
  'ip saddr != 172.18.0.0/16 masquerade',
  'ip saddr { 10.0.0.0/8, 192.168.0.0/16 } masquerade',
  'ip saddr 172.18.0.2 ip daddr 172.18.0.2 tcp dport 80 counter packets 0 bytes 0 masquerade',
  '-A POSTROUTING -m comment --comment masquerade -j KUBE-POSTROUTING',
  'counter accept comment "no masquerade here"',
  'counter jump masquerade',
  'chain masquerade {',
])('it is none: %s', (rule) => {
  expect(findTranslation(rule, '172.18.0.2')).toBeUndefined();
});
