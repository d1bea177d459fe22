import { describe, expect, test } from '@jest/globals';
import { parseNetworkOptions } from '../../../src/driver/networks/network-options.js';

describe('xnet.spoof', () => {
  test('is recorded when it allows what is otherwise dropped', () => {
    expect(parseNetworkOptions({ 'xnet.spoof': 'allow' })).toEqual({ protection: { spoof: 'allow' } });
    expect(parseNetworkOptions({ 'xnet.spoof': 'deny' })).toEqual({});
  });

  test.each<[Record<string, string>, RegExp]>([
    [{ 'xnet.spoof': 'on' }, /option -o xnet\.spoof=on must be allow or deny/],
    [
      { 'xnet.spoof': 'allow', 'xnet.mode': 'routed' },
      /xnet\.spoof=allow does not go with xnet\.mode=routed, which .* by the addresses .*: leave it out/,
    ],
    [
      { 'xnet.spoof': 'deny', 'xnet.mode': 'macvlan' },
      /xnet\.spoof=deny does not go with xnet\.mode=macvlan, which .* checks no sources/,
    ],
  ])('%p is refused', (options, reason) => {
    expect(() => parseNetworkOptions(options)).toThrow(reason);
  });
});
