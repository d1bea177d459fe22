import { describe, expect, test } from '@jest/globals';
import { parseNetworkOptions } from '../../../src/driver/networks/network-options.js';

describe('xnet.spoof', () => {
  test('is recorded when it allows what is otherwise dropped', () => {
    expect(parseNetworkOptions({ 'xnet.spoof': 'allow' })).toEqual({ protection: { spoof: 'allow' } });
    expect(parseNetworkOptions({ 'xnet.spoof': 'deny' })).toEqual({});
  });

  test.each<[Record<string, string>, RegExp]>([
    [{ 'xnet.spoof': 'on' }, /option xnet\.spoof=on must be deny or allow/],
    [
      { 'xnet.spoof': 'allow', 'xnet.mode': 'routed' },
      /this one is routed: .* by the addresses .*; leave it out/,
    ],
    [
      { 'xnet.spoof': 'deny', 'xnet.mode': 'macvlan' },
      /this one is macvlan: xnet checks no sources on a LAN/,
    ],
  ])('%p is refused', (options, reason) => {
    expect(() => parseNetworkOptions(options)).toThrow(reason);
  });
});
