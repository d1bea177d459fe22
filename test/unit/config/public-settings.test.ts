import { expect, test } from '@jest/globals';
import { publicSettings } from '../../../src/config/public-settings.js';
import { configSchema } from '../../../src/config/schema.js';

test('settings are shown as they are written, and those that are not named as public without their value', () => {
  const secrets = {
    etcdUser: 'planted',
    etcdPassword: 'planted',
    etcdKey: '/planted',
    etcdPasswordFile: '/planted',
  };
  const config = configSchema.parse({
    store: 'etcd://h1:2379',
    parents: ['office=eth1', 'dmz=bond0'],
    ...secrets,
  });
  const shown = publicSettings(config);
  expect(shown).toMatchObject({
    store: 'etcd://h1:2379',
    vxlanPort: '4789',
    defaultPools: '10.192.0.0/12:24,fd78:6e65:7400::/48:64',
    parents: 'office=eth1,dmz=bond0',
    etcdKey: '(set)',
  });
  expect(Object.keys(shown)).not.toContain('vtep');
  expect(JSON.stringify(shown)).not.toContain('planted');
});
