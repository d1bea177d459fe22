import { describe, expect, test } from '@jest/globals';
import { newRecord } from '../../../src/driver/networks/network-creation.js';
import { parseNetworkOptions } from '../../../src/driver/networks/network-options.js';

const ENCRYPTION = { encryptAll: false, requireEncryption: async () => {} };

const recordOf = (options: Record<string, string>, encryption: Partial<typeof ENCRYPTION> = {}) => {
  const surroundings = {
    gatewaySubnets: () => [],
    reached: async () => [],
    findParent: async () => undefined,
  };
  const parts = { ...surroundings, ...ENCRYPTION, ...encryption };
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

describe('an encrypted network', () => {
  const encrypted = { version: 3, protection: { encrypt: true } };

  test.each([{ 'xnet.encrypt': 'on' }, { encrypted: '' }, { encrypted: 'true' }])(
    'is asked for by %p',
    async (options) => {
      expect(await recordOf(options)).toMatchObject(encrypted);
    },
  );

  test('is the default of a host with encryptAll, for overlays alone, and can be opted out of', async () => {
    const all = { encryptAll: true };
    expect(await recordOf({}, all)).toMatchObject(encrypted);
    expect(await recordOf({ 'xnet.mode': 'routed' }, all)).not.toHaveProperty('protection');
    expect(await recordOf({ 'xnet.encrypt': 'off' }, all)).not.toHaveProperty('protection');
    expect(await recordOf({ encrypted: 'false' }, all)).not.toHaveProperty('protection');
  });

  test('is not created by a host that cannot encrypt', async () => {
    const requireEncryption = () => Promise.reject(new Error('no WireGuard'));
    await expect(recordOf({ encrypted: '' }, { requireEncryption })).rejects.toThrow('no WireGuard');
    expect(await recordOf({}, { requireEncryption })).toMatchObject({ version: 1 });
  });

  test.each([
    [{ encrypted: '', 'xnet.mode': 'routed' }, /xnet.encrypt=on does not go with xnet.mode=routed/],
    [{ 'xnet.encrypt': 'on', 'xnet.mode': 'macvlan' }, /does not go with xnet.mode=macvlan/],
    [{ 'xnet.encrypt': 'yes' }, /xnet.encrypt=yes must be on or off/],
    [{ encrypted: 'maybe' }, /encrypted=maybe must be true or false/],
    [{ encrypted: '', 'xnet.encrypt': 'off' }, /not both/],
  ])('is refused with %p', async (options, words) => {
    await expect(async () => recordOf(options)).rejects.toThrow(words);
  });
});
