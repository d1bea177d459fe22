import { describe, expect, test } from '@jest/globals';
import { SandboxNetworks } from '../../../src/driver/endpoints/sandbox-networks.js';

const network = (id: string, subnet: string, name?: string) => ({
  ...{ version: 1 as const, id, vni: 1, multicast: true, internal: false },
  ...{ pools: [{ poolKey: id, subnet }], ...(name !== undefined && { name }) },
});
const shop = network('0123456789ab', '172.19.0.0/16', 'shop');
const bank = network('ba9876543210', '172.19.3.0/24');
const mill = network('333333333333', '172.20.0.0/16', 'mill');

describe('the networks of one sandbox', () => {
  test('that overlap are refused, naming both and the remedy', () => {
    const joined = new SandboxNetworks();
    joined.join('e1', '/netns/a', shop);
    expect(() => joined.join('e2', '/netns/a', bank)).toThrow(
      /network ba9876543210 \(172\.19\.3\.0\/24\) overlaps network shop \(172\.19\.0\.0\/16\).*--subnet.*--ipam-driver xnet/,
    );
    joined.join('e2', '/netns/a', mill);
  });

  test('may overlap those of another sandbox, and those it has left', () => {
    const joined = new SandboxNetworks();
    joined.join('e1', '/netns/a', shop);
    joined.join('e2', '/netns/b', bank);
    joined.leave('e1');
    joined.join('e3', '/netns/a', bank);
  });

  test('are joined anew by the same endpoint', () => {
    const joined = new SandboxNetworks();
    joined.join('e1', '/netns/a', shop);
    joined.join('e1', '/netns/a', shop);
  });

  test("may be several of Docker's null IPAM", () => {
    const joined = new SandboxNetworks();
    joined.join('e1', '/netns/a', shop);
    joined.join('e2', '/netns/a', network('444444444444', '0.0.0.0/0'));
  });
});
