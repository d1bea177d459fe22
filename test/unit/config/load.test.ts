import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../../src/config/load.js';
import { listSettings } from '../../../src/config/schema.js';

const directory = mkdtempSync(join(tmpdir(), 'xnet-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function configFile(content: string): string {
  const path = join(directory, 'xnet.json');
  writeFileSync(path, content);
  return path;
}

const none = { flags: {}, environment: {} };

describe('the configuration', () => {
  test('has a default for all that is needed', () => {
    const config = loadConfig(none);
    expect(config).toMatchObject({
      store: 'embedded',
      vxlanPort: 4789,
      socket: '/run/docker/plugins/xnet.sock',
    });
    expect(config.defaultPools.map(({ range, length }) => `${range}:${length}`)).toEqual([
      '10.192.0.0/12:24',
      'fd78:6e65:7400::/48:64',
    ]);
  });

  test('is taken from the file, then the environment, then the flags', () => {
    const file = configFile('{"vxlanPort": 1, "prefix": "/file/", "logLevel": "warn"}');
    const environment = { XNET_PREFIX: '/env/', XNET_LOG_LEVEL: 'error', XNET_STORE: '' };
    const config = loadConfig({ flags: { logLevel: 'debug' }, environment, file });
    expect(config).toMatchObject({ vxlanPort: 1, prefix: '/env/', logLevel: 'debug', store: 'embedded' });
  });

  test.each([
    [{ vxlanPort: '70000' }, /vxlanPort = "70000" \(flags\): .*65535/],
    [{ store: 'consul://x' }, /store = "consul:\/\/x" \(flags\): must be "embedded", etcd:/],
    [{ vtep: '10.0.0' }, /vtep = "10\.0\.0" \(flags\)/],
    [{ defaultPools: '10.0.0.0/8' }, /defaultPools = .*must be RANGE:LENGTH/],
    [{ defaultPools: '10.0.0.1/8:24' }, /must be RANGE:LENGTH/],
    [{ socket: 'relative' }, /socket = "relative" \(flags\): must be an absolute path/],
    [{ etcdPasswordFile: '/nonexistent/file' }, /etcdPasswordFile cannot be read/],
  ])('%j is refused with key, value, source and rule', (flags, message) => {
    expect(() => loadConfig({ flags, environment: {} })).toThrow(message);
  });

  test('of an unknown key in the file is refused with the known ones', () => {
    expect(() => loadConfig({ ...none, file: configFile('{"vxlan_port": 1}') })).toThrow(
      /vxlan_port \(file .*\): unknown; known are store, prefix,/,
    );
  });

  test.each(['{', '[]', '"x"'])('file %j is refused', (content) => {
    expect(() => loadConfig({ ...none, file: configFile(content) })).toThrow(/configuration file/);
  });

  test('never shows a password in an error', () => {
    const flags = { etcdPassword: 5 as unknown as string };
    expect(() => loadConfig({ flags, environment: {} })).toThrow(/etcdPassword = \(hidden\)/);
  });

  test('names flag and variable of a setting after its key', () => {
    expect(listSettings().find(({ key }) => key === 'vxlanPort')).toMatchObject({
      flag: '--vxlan-port',
      variable: 'XNET_VXLAN_PORT',
      defaultText: '4789',
    });
  });
});
