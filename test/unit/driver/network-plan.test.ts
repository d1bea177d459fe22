import { describe, expect, test } from '@jest/globals';
import { checkJoin, checkSubnets, chooseVni, FIRST_VNI } from '../../../src/driver/networks/network-plan.js';

const network = {
  version: 1 as const,
  id: '0123456789ab',
  name: 'shop',
  vni: 2_000_000,
  multicast: true,
  internal: false,
  pools: [{ poolKey: 'p', subnet: '10.1.0.0/24' }],
};

describe('joining a network of the cluster', () => {
  test('is fine with the same subnet and options', () => {
    expect(() =>
      checkJoin(network, { vni: 2_000_000 }, [{ poolKey: 'p', subnet: '10.1.0.0/24' }]),
    ).not.toThrow();
  });

  test('with another subnet is refused with the command that works', () => {
    expect(() => checkJoin(network, {}, [{ poolKey: 'q', subnet: '10.2.0.0/24' }])).toThrow(
      /shop has 10\.1\.0\.0\/24, .*\(10\.2\.0\.0\/24\); .*--ipam-opt xnet\.name=shop/,
    );
  });

  test('with a differing option is refused with both values', () => {
    expect(() => checkJoin(network, { vni: 7 }, [])).toThrow(/exists with xnet\.vni=2000000, not 7/);
  });
});

describe('the subnets of a new network', () => {
  const gateways = [
    { hostName: 'h1', subnet: '172.18.0.0/16' },
    { hostName: 'h2', subnet: '172.21.0.0/16' },
  ];

  test("that overlap a host's docker_gwbridge are refused, naming the host and the remedy", () => {
    expect(() => checkSubnets([{ subnet: '10.0.0.0/24' }, { subnet: '172.21.3.0/24' }], gateways)).toThrow(
      /172\.21\.3\.0\/24 overlaps docker_gwbridge of host h2 \(172\.21\.0\.0\/16\).*--subnet.*--ipam-driver xnet/,
    );
  });

  test('that overlap none are fine', () => {
    expect(() =>
      checkSubnets([{ subnet: '172.19.0.0/16' }, { subnet: 'fd00::/64' }], gateways),
    ).not.toThrow();
  });

  test("are none where Docker's null IPAM serves", () => {
    expect(() => checkSubnets([{ subnet: '0.0.0.0/0' }], gateways)).not.toThrow();
  });
});

describe('a VNI taken by chance', () => {
  test('keeps away from those of Docker and that of the paths, and fits 24 bits', () => {
    expect(chooseVni(0)).toBe(FIRST_VNI);
    expect(chooseVni(1 - Number.EPSILON)).toBe(2 ** 24 - 2);
  });
});
