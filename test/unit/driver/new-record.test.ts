import { expect, test } from '@jest/globals';
import { newRecord } from '../../../src/driver/networks/network-creation.js';
import { parseNetworkOptions } from '../../../src/driver/networks/network-options.js';

const recordOf = (options: Record<string, string>) => {
  const parts = { gatewaySubnets: () => [], reached: async () => [], findParent: async () => undefined };
  const creation = {
    options: parseNetworkOptions(options),
    internal: false,
    asksForGateways: false,
    subnets: [],
  };
  return newRecord(parts, creation, [], '0123456789ab', 'shop');
};

test.each([[{}], [{ 'xnet.mode': 'overlay' }], [{ 'xnet.attach': 'veth' }]])(
  'hosts of an older version take part in an overlay that was made with %p',
  async (options) => {
    const record = await recordOf(options);
    expect(record.version).toBe(1);
    expect(record).not.toHaveProperty('mode');
  },
);

test('they leave a network of another mode alone', async () => {
  expect(await recordOf({ 'xnet.mode': 'routed' })).toMatchObject({ version: 2, mode: { kind: 'routed' } });
});
