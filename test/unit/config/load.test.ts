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

test.each([
  '{"etcdPassword":hunter2}',
  '{"store":"embedded","etcdUser":"x","etcdPassword":hunter2secret}',
  '{"etcdPassword":"hunter2" "x":1}',
  '{"etcdPassword":"hunter2',
])('of a file that is no JSON nothing is quoted: %s', (text) => {
  const load = () => loadConfig({ ...none, file: configFile(text) });
  expect(load).toThrow(/is not JSON: \w+/);
  expect(load).not.toThrow(/hunter|Password/);
});

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
    [{ vxlanPort: '70000' }, '--vxlan-port 70000: must be a whole number from 1 to 65535'],
    [{ vxlanPort: 'x' }, '--vxlan-port x: must be a whole number from 1 to 65535'],
    [{ reserve: '1e1' }, '--reserve 1e1: must be a whole number from 0 to 64'],
    [{ restSeconds: '' }, '--rest-seconds "": must be a whole number from 0 to 86400'],
    [{ store: 'consul://x' }, '--store consul://x: must be "embedded", etcd:'],
    [{ store: 'etcd://h1:99999' }, '--store etcd://h1:99999: must be'],
    [{ vtep: 'h1' }, '--vtep h1: must be an IPv4 or IPv6 address'],
    [{ interface: 'a b' }, '--interface "a b": must be an interface name'],
    [{ defaultPools: '10.0.0.0/8' }, '--default-pools 10.0.0.0/8: must be RANGE:LENGTH'],
    [
      { defaultPools: '127.0.0.0/8:24' },
      '--default-pools 127.0.0.0/8:24: overlaps 127.0.0.0/8, which containers cannot use',
    ],
    [{ store: 'etcd://me:se/cr@et@h1:2379' }, '--store etcd://(hidden)@h1:2379: must be'],
    [{ store: 'etcd://me:secret@h1:2379' }, '--store etcd://(hidden)@h1:2379: must be'],
    [{ defaultPools: '10.0.0.1/8:24' }, 'must be RANGE:LENGTH'],
    [{ parents: ['office'] }, '--parent ["office"]: office= must be NAME=INTERFACE, as in office=eth1'],
    [{ parents: 'office.1=eth1' }, 'office.1=eth1 must be NAME=INTERFACE'],
    [{ parents: ['lan=eth1', 'lan=eth2'] }, 'must name lan once'],
    [{ socket: 'relative' }, '--socket relative: must be an absolute path'],
    [{ socket: `/${'x'.repeat(107)}` }, 'must be no longer than 107 bytes, as the path of a socket'],
    [{ adminSocket: `/${'x'.repeat(101)}` }, 'must be no longer than 101 bytes'],
    [{ dockerHost: `unix:///${'x'.repeat(107)}` }, 'must be no longer than 107 bytes'],
    [{ dockerHost: 'tcp://h1:2375' }, '--docker-host tcp://h1:2375: must be unix:// and an absolute path'],
    [{ adminSocket: '/run/docker/plugins/xnet.sock' }, 'must be another path than that of the socket'],
    [{ logLevel: 'loud' }, '--log-level loud: must be one of: error, warn, info, debug'],
    [{ etcdPasswordFile: '/nonexistent/file' }, 'etcdPasswordFile cannot be read'],
  ])('%j is refused as it was typed, with the rule', (flags, message) => {
    expect(() => loadConfig({ flags, environment: {} })).toThrow(message);
  });

  test('a wrong variable, and a wrong key of the file, are shown as they are written there', () => {
    const file = configFile('{"vxlanPort": "x", "store": 5, "reserve": true}');
    const environment = { XNET_VTEP: 'h1' };
    const load = () => loadConfig({ flags: {}, environment, file });
    for (const line of [
      `  vxlanPort = x (file ${file}): must be a whole number from 1 to 65535`,
      `  store = 5 (file ${file}): must be text`,
      `  reserve = true (file ${file}): must be a whole number from 0 to 64`,
      '  XNET_VTEP=h1: must be an IPv4 or IPv6 address',
    ])
      expect(load).toThrow(line);
  });

  test('no rule of any setting is in the words of a library', () => {
    for (const { key } of listSettings()) {
      for (const value of [{}, null, '\u0000', Number.NaN]) {
        const refusal = () => loadConfig({ flags: { [key]: value }, environment: {} });
        expect(refusal).not.toThrow(/[Ii]nvalid|expected|received/);
      }
    }
  });

  test.each([
    ['XNET_STROE', 'did you mean XNET_STORE?'],
    ['XNET_VXLANPORT', 'did you mean XNET_VXLAN_PORT?'],
    ['xnet_store', 'did you mean XNET_STORE?'],
    ['XNET_SOMETHING_ELSE_ENTIRELY', 'known are XNET_STORE, XNET_PREFIX'],
  ])('a variable that is no setting, %s, is refused: %s', (name, remedy) => {
    const environment = { [name]: 'etcd://h1' };
    expect(() => loadConfig({ flags: {}, environment })).toThrow(`${name} (environment): unknown; ${remedy}`);
  });

  test('variables that are empty, or of the lab, the keeper or the package, are in nobody’s way', () => {
    const others = { XNET_LAB: 'x', XNET_LAB_NODE: 'node', XNET_LISTEN_FIRST: '/x', XNET_REMOVE: 'force' };
    expect(loadConfig({ flags: {}, environment: { XNET_STROE: '', ...others } }).store).toBe('embedded');
  });

  test.each([
    ['vxlan_port', 'did you mean vxlanPort?'],
    ['colour', 'known are store, prefix,'],
  ])('of an unknown key in the file, %s, is refused: %s', (key, remedy) => {
    const load = () => loadConfig({ ...none, file: configFile(`{"${key}": 1}`) });
    expect(load).toThrow(new RegExp(`${key} \\(file .*\\): unknown; ${remedy.replace('?', '\\?')}`));
  });

  test.each(['{', '[]', '"x"'])('file %j is refused', (content) => {
    expect(() => loadConfig({ ...none, file: configFile(content) })).toThrow(/configuration file/);
  });

  test('never shows a password in an error, nor the value of what may be meant as one', () => {
    const flags = { etcdPassword: 5 as unknown as string };
    expect(() => loadConfig({ flags, environment: {} })).toThrow('--etcd-password (hidden): must be text');
    const environment = { XNET_ETCD_PASWORD: 'sesame' };
    expect(() => loadConfig({ flags: {}, environment })).not.toThrow(/sesame/);
    const file = configFile('{"etcdPasword": "sesame"}');
    expect(() => loadConfig({ ...none, file })).not.toThrow(/sesame/);
  });

  test('names flag and variable of a setting after its key', () => {
    expect(listSettings().find(({ key }) => key === 'vxlanPort')).toMatchObject({
      flag: '--vxlan-port',
      variable: 'XNET_VXLAN_PORT',
      defaultText: '4789',
    });
  });
});
