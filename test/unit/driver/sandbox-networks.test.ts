import { describe, expect, test } from '@jest/globals';
import { LocalNetworks } from '../../../src/driver/local-networks.js';
import { checkApart } from '../../../src/driver/networks/network-plan.js';
import { created, joining, left } from '../../../src/model/endpoint.js';

const network = (id: string, subnet: string, name?: string) => ({
  ...{ version: 1 as const, id, vni: 1, multicast: true, internal: false },
  ...{ pools: [{ poolKey: id, subnet }], ...(name !== undefined && { name }) },
});
const shop = network('0123456789ab', '172.19.0.0/16', 'shop');
const bank = network('ba9876543210', '172.19.3.0/24');
const mill = network('333333333333', '172.20.0.0/16', 'mill');
const none = network('444444444444', '0.0.0.0/0');

/** A host with the networks, of which containers join some. */
function host() {
  const local = new LocalNetworks();
  for (const record of [shop, bank, mill, none]) local.addNetwork({ dockerNetworkId: record.id, record });
  const join = (id: string, sandboxPath: string, record: typeof shop) => {
    checkApart(record, local.listNetworksOf(sandboxPath, id));
    const endpoint = {
      ...{ version: 1 as const, id, networkId: record.id, dockerNetworkId: record.id, hostId: 'h1' },
      ...{ addresses: [], mac: '02:00:00:00:00:01' },
    };
    local.putEndpoint(joining(created(endpoint), sandboxPath));
  };
  return { join, leave: (id: string) => local.changeEndpoint(id, left) };
}

describe('the networks of one sandbox', () => {
  test('that overlap are refused, naming both and the remedy', () => {
    const { join } = host();
    join('e1', '/netns/a', shop);
    expect(() => join('e2', '/netns/a', bank)).toThrow(
      /network ba9876543210 \(172\.19\.3\.0\/24\) overlaps network shop \(172\.19\.0\.0\/16\).*--subnet.*--ipam-driver xnet/,
    );
    join('e2', '/netns/a', mill);
  });

  test('may overlap those of another sandbox, and those it has left', () => {
    const { join, leave } = host();
    join('e1', '/netns/a', shop);
    join('e2', '/netns/b', bank);
    leave('e1');
    join('e3', '/netns/a', bank);
  });

  test('are joined anew by the same endpoint', () => {
    const { join } = host();
    join('e1', '/netns/a', shop);
    join('e1', '/netns/a', shop);
  });

  test("may be several of Docker's null IPAM", () => {
    const { join } = host();
    join('e1', '/netns/a', shop);
    join('e2', '/netns/a', none);
  });
});
