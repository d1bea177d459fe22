/** xnet as a managed plugin: pushed to a registry on one host, installed from it on all. */
import { expect } from '@jest/globals';
import { CREATE, runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import {
  createWithPlugin,
  disablePlugin,
  enablePlugin,
  expectAdopted,
  pluginStatus,
  REFERENCE,
  setPlugin,
} from '../support/lab/plugin.js';
import { PLUGIN } from '../support/lab/plugin-name.js';
import { eventually } from '../support/time/eventually.js';
import { expectInTime } from '../support/time/in-time.js';

/** Docker itself goes on for 12 s with a plugin that does not open its socket. */
const ENABLED_MS = 10_000;

interface Mistake {
  readonly wrong: string;
  /** Empty: as it was. */
  readonly right: string;
  readonly reason: string;
}

const MISTAKES: readonly Mistake[] = [
  {
    wrong: 'XNET_STORE=etcd://127.0.0.1:1',
    right: '',
    reason: 'etcd at http://127.0.0.1:1: ',
  },
  {
    wrong: 'XNET_INTERFACE=eth9',
    right: 'XNET_INTERFACE=',
    reason: 'no interface or address "eth9" with a global address',
  },
  {
    wrong: 'XNET_VXLAN_PORT=abc',
    right: 'XNET_VXLAN_PORT=',
    reason: 'XNET_VXLAN_PORT=abc: must be a whole number',
  },
  {
    wrong: 'state.source=/proc',
    right: 'state.source=/var/lib',
    reason: "the host's /var/lib/xnet cannot be made: ",
  },
];

describeInLab('plugin', { hosts: 3, plugin: true }, (test) => {
  test('a network is created once and there on all hosts, and containers reach each other by name', async (lab) => {
    await createWithPlugin(lab, 'shop');
    const [one, two, three] = await Promise.all(
      lab.hosts.map((host) => runContainer(lab, host, 'shop', { name: `web-${host}` })),
    );
    expect(await one?.reaches((await two?.address()) ?? '')).toBe(true);
    expect(await two?.greetOverTcp('web-h3')).toBe('web-h3');
    expect(await three?.greetOverUdp('web-h1')).toBe('web-h1');
    // It may copy packets, too.
    const path = 'http://xnet/v1/capture/shop?seconds=1';
    const captured = await lab.in('h1', 'curl', '-sS', '--unix-socket', '/run/xnet/admin.sock', path);
    expect(captured).toMatch(/"place":"web-h1"/);
    expect(captured).not.toMatch(/refusal/);
    expect(await one?.exec('sh', '-c', 'musl-getent "$(hostname)"')).toBe(await one?.address());
    for (const host of lab.hosts) await expectAdopted(lab, host, 1);
    expect(await lab.docker('h2', 'network', 'inspect', '-f', '{{.Driver}} {{.IPAM.Driver}}', 'shop')).toBe(
      `${PLUGIN} ${PLUGIN}`,
    );
    // What Docker gives containers to read only, the entrypoint has opened.
    const inNamespace = 'ip netns exec "$(basename /run/netns/xnet-[0-9a-f]*)" cat "$1"';
    const sysctl = '/proc/sys/net/bridge/bridge-nf-call-iptables';
    expect(await lab.in('h1', 'sh', '-c', inNamespace, 'sh', sysctl)).toBe('0');
  });

  test("an encrypted network: the programs are in its image, and the device is the host's", async (lab) => {
    await createWithPlugin(lab, 'vault', '-o', 'xnet.encrypt=on');
    const [one, two] = await Promise.all(
      ['h1', 'h2'].map((host) => runContainer(lab, host, 'vault', { name: `safe-${host}` })),
    );
    await eventually(async () => expect(await one?.reaches((await two?.address()) ?? '')).toBe(true));
    expect(await lab.in('h1', 'ip', '-br', 'link')).toMatch(/^xnet-wg0 /m);
  });

  test('removed on one host, a network is gone on all', async (lab) => {
    await createWithPlugin(lab, 'shop');
    await lab.docker('h3', 'network', 'rm', 'shop');
    await eventually(async () => {
      for (const host of lab.hosts)
        expect(await lab.docker(host, 'network', 'ls', '--format', '{{.Name}}')).not.toContain('shop');
    });
  });

  test(
    'set wrong, it is enabled, holds nobody up and says why; it works when set right',
    async (lab) => {
      for (const mistake of MISTAKES) await makeAndMend(lab, mistake);
      await createWithPlugin(lab, 'shop');
      await runContainer(lab, 'h2', 'shop');
    },
    { logsErrors: true },
  );

  test(
    'without a capability that it needs, it is enabled and says which',
    async (lab) => {
      await lab.in('h2', 'sh', '-c', CREATE_WITHOUT, 'sh', PLUGIN, '"CAP_SYS_ADMIN", ', 'weak');
      await disablePlugin(lab, 'h2');
      await lab.docker('h2', 'plugin', 'enable', 'weak');
      await eventually(async () =>
        expect((await pluginStatus(lab, 'h2')).problems.join()).toContain('the plugin needs CAP_SYS_ADMIN'),
      );
      await lab.docker('h2', 'plugin', 'disable', '-f', 'weak');
      await lab.docker('h2', 'plugin', 'rm', 'weak');
      await enablePlugin(lab, 'h2');
      await expectAdopted(lab, 'h2', 0);
    },
    { logsErrors: true },
  );

  // The last one: h3 has the plugin under another name from here on.
  test('of another name, it can be had as plain xnet too', async (lab) => {
    const settings = [`XNET_STORE=${await setting(lab, 'XNET_STORE')}`, 'XNET_LOG_FORMAT=json'];
    await disablePlugin(lab, 'h3');
    await lab.docker('h3', 'plugin', 'rm', PLUGIN);
    const install = ['plugin', 'install', '--grant-all-permissions', '--alias', 'other', REFERENCE];
    await lab.docker('h3', ...install, ...settings, 'XNET_PLAIN_NAME=on');

    await lab.docker('h3', ...CREATE, 'plain');
    await createWithPlugin(lab, 'tagged');
    for (const network of ['plain', 'tagged']) {
      await eventually(() => lab.docker('h1', 'network', 'inspect', network));
      const there = await runContainer(lab, 'h1', network);
      const here = await runContainer(lab, 'h3', network);
      expect(await here.greetOverTcp(there.name)).toBe(there.name);
    }
    expect(await driverOf(lab, 'h1', 'plain')).toBe(PLUGIN);
    expect(await driverOf(lab, 'h3', 'tagged')).toBe('xnet');
  });
});

/** A plugin from another's file system, with less in its manifest. */
const CREATE_WITHOUT = `set -e
  directory=$(mktemp -d)
  cp -a "/var/lib/docker/plugins/$(docker plugin inspect -f '{{.ID}}' "$1")/rootfs" "$directory/"
  sed "s/$2//" /opt/xnet/config.json >"$directory/config.json"
  ! cmp -s /opt/xnet/config.json "$directory/config.json"
  docker plugin create "$3" "$directory"
  rm -r "$directory"`;

function driverOf(lab: Lab, host: string, network: string): Promise<string> {
  return lab.docker(host, 'network', 'inspect', '-f', '{{.Driver}}', network);
}

async function makeAndMend(lab: Lab, { wrong, right, reason }: Mistake): Promise<void> {
  const mended = right || `XNET_STORE=${await setting(lab, 'XNET_STORE')}`;
  await disablePlugin(lab, 'h2');
  await setPlugin(lab, 'h2', wrong);
  expectInTime(await enablePlugin(lab, 'h2'), ENABLED_MS);
  await lab.docker('h2', 'ps');
  await eventually(async () => expect((await pluginStatus(lab, 'h2')).problems.join()).toContain(reason));
  const log = unescaped(await lab.xnetLog('h2'));
  expect(log.split('\n')).toContainEqual(expect.stringContaining(reason));

  await disablePlugin(lab, 'h2');
  await setPlugin(lab, 'h2', mended);
  await enablePlugin(lab, 'h2');
  await expectAdopted(lab, 'h2', 0);
}

async function setting(lab: Lab, name: string): Promise<string> {
  const settings = await lab.docker('h2', 'plugin', 'inspect', '-f', '{{json .Settings.Env}}', PLUGIN);
  const found = (JSON.parse(settings) as string[]).find((each) => each.startsWith(`${name}=`));
  return found?.slice(name.length + 1) ?? '';
}

/** Quotes within a line of JSON have a backslash. */
function unescaped(log: string): string {
  return log.replaceAll('\\"', '"');
}
