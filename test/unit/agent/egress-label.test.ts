import { describe, expect, test } from '@jest/globals';
import { entriesFor, parseEgressAllow } from '../../../src/agent/egress/egress-label.js';

describe('the label xnet.egress.allow', () => {
  test('has names, wildcards, addresses and subnets, each with a port and a protocol if it is of one', () => {
    expect(
      parseEgressAllow(
        ' GitHub.com , *.npmjs.org:443,10.0.0.0/8:443/tcp, 192.0.2.7,[2001:db8::]/32:53/udp,fd00::1, ',
      ),
    ).toEqual({
      names: [
        { name: 'github.com', isWildcard: false },
        { name: 'npmjs.org', isWildcard: true, port: 443 },
      ],
      ranges: [
        { subnet: '10.0.0.0/8', port: 443, protocol: 'tcp' },
        { subnet: '192.0.2.7/32' },
        { subnet: '2001:db8::/32', port: 53, protocol: 'udp' },
        { subnet: 'fd00::1/128' },
      ],
    });
    expect(parseEgressAllow(undefined)).toEqual({ names: [], ranges: [] });
    expect(parseEgressAllow('')).toEqual({ names: [], ranges: [] });
  });

  test('leaves out subnets that are within others, of which the kernel takes only one', () => {
    const subnets = (text: string) =>
      parseEgressAllow(text).ranges.map(({ subnet, port }) => `${subnet} ${port}`);
    expect(subnets('10.1.0.0/16:443,10.0.0.0/8,10.0.0.0/8')).toEqual(['10.0.0.0/8 undefined']);
    expect(subnets('10.1.0.0/16,10.0.0.0/8:443')).toEqual(['10.1.0.0/16 undefined', '10.0.0.0/8 443']);
    expect(subnets('10.0.0.0/8:443/tcp,10.0.0.0/8:443')).toEqual(['10.0.0.0/8 443']);
  });

  test.each([
    ['localhost', 'two labels at least'],
    ['*', 'two labels at least'],
    ['git*.com', 'two labels at least'],
    ['*.com/8', 'two labels at least'],
    ['github.com:0', 'from 1 to 65535'],
    ['github.com:65536', 'from 1 to 65535'],
    ['github.com:443/icmp', 'not tcp or udp'],
    ['github.com:https', 'is not NAME'],
    ['https://github.com', 'is not NAME'],
    ['10.0.0.1/8', 'did you mean 10.0.0.0/8'],
    ['10.0.0.300', 'is not an IP address'],
  ])('refuses %s, naming the entry and the rule', (entry, why) => {
    const parse = () => parseEgressAllow(`github.com,${entry}`);
    expect(parse).toThrow(JSON.stringify(entry));
    expect(parse).toThrow(why);
  });

  test('of a wildcard are the names below it, not the name itself, nor one that only ends alike', () => {
    const allow = parseEgressAllow('*.npmjs.org,github.com');
    const isAllowed = (name: string) => entriesFor(allow, name).length > 0;
    expect(['registry.npmjs.org', 'a.b.npmjs.org', 'github.com'].every(isAllowed)).toBe(true);
    expect(['npmjs.org', 'evilnpmjs.org', 'npmjs.org.evil.com', 'api.github.com'].some(isAllowed)).toBe(
      false,
    );
  });
});
