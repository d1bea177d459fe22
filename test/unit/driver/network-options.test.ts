import { describe, expect, test } from '@jest/globals';
import {
  checkForeign,
  newVni,
  parseIpamOptions,
  parseNetworkOptions,
} from '../../../src/driver/networks/network-options.js';

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

  test('that Docker itself reads are let pass', () => {
    const options = { 'com.docker.network.enable_ipv4': 'true', 'com.docker.network.enable_ipv6': 'false' };
    expect(parseNetworkOptions(options)).toEqual({});
    const ofManagers = { RequestAddressType: 'x', 'com.docker.network.ipam.serial': 'true' };
    expect(parseIpamOptions(ofManagers)).toEqual({});
  });

  test.each([
    ['com.docker.network.bridge.enable_icc', 'false', /docker_gwbridge: create that one with it/],
    ['com.docker.network.bridge.name', 'x', /bridge in a namespace of its own/],
    ['foo', 'bar', /unknown option -o foo; known are xnet\.name/],
    [
      'com.docker.network.driver.mut',
      '1400',
      /unknown option -o .*mut; known are .*com\.docker\.network\.driver\.mtu/,
    ],
  ])('%s=%p is refused with what to do, unless the network was made with it', (key, value, reason) => {
    const options = parseNetworkOptions({ [key]: value });
    expect(() => checkForeign(options)).toThrow(reason);
    expect(() => checkForeign(options, { [key]: 'another' })).toThrow(reason);
    checkForeign(options, { [key]: value });
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

  test('the VNI of the paths is that of no new network, but may be joined', () => {
    const options = parseNetworkOptions({ 'xnet.vni': '16777215' });
    expect(options.vni).toBe(16_777_215);
    expect(() => newVni(options)).toThrow(
      'option xnet.vni=16777215 must be a whole number from 1 to 16777214',
    );
    expect(newVni({ vni: 7 })).toBe(7);
    expect(newVni({})).toBeUndefined();
  });

  test('xnet.name and xnet.id together are refused', () => {
    expect(() => parseNetworkOptions({ 'xnet.name': 'a', 'xnet.id': '0123456789ab' })).toThrow(/not both/);
  });
});
