import { describe, expect, test } from '@jest/globals';
import { parseIpamOptions, parseNetworkOptions } from '../../../src/driver/network-options.js';

describe('network options', () => {
  test('are read into their values', () => {
    const options = parseNetworkOptions({
      'xnet.name': 'shop',
      'xnet.vni': '1234567',
      'xnet.multicast': 'off',
      'com.docker.network.driver.mtu': '1400',
    });
    expect(options).toEqual({ name: 'shop', vni: 1_234_567, multicast: false, mtu: 1400 });
  });

  test('of other drivers are let pass', () => {
    expect(parseNetworkOptions({ 'com.docker.network.advertise_addr_nmsgs': '2', other: 'x' })).toEqual({});
  });

  test('with an unknown xnet. name are refused with the list of the known ones', () => {
    expect(() => parseNetworkOptions({ 'xnet.vin': '5' })).toThrow(
      /-o xnet\.vin; known are xnet\.name, xnet\.id, xnet\.vni/,
    );
    expect(() => parseIpamOptions({ 'xnet.vni': '5' })).toThrow(
      /--ipam-opt xnet\.vni; known are xnet\.name, xnet\.id/,
    );
  });

  test.each([
    ['xnet.vni', '0'],
    ['xnet.vni', '16777216'],
    ['xnet.vni', '-1'],
    ['xnet.vni', '1e3'],
    ['xnet.vni', ''],
    ['xnet.vni', 12.5],
    ['xnet.multicast', 'yes'],
    ['xnet.name', '../etc'],
    ['xnet.name', 'a b'],
    ['xnet.name', 'x'.repeat(10_000)],
    ['xnet.id', 'shop'],
    ['com.docker.network.driver.mtu', '70000'],
  ])('%s=%p is refused with the rule', (key, value) => {
    expect(() => parseNetworkOptions({ [key]: value })).toThrow(new RegExp(`option ${key}=.{0,90} must`));
  });

  test('xnet.name and xnet.id together are refused', () => {
    expect(() => parseNetworkOptions({ 'xnet.name': 'a', 'xnet.id': '0123456789ab' })).toThrow(/not both/);
  });
});
